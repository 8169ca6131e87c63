// Waits for events that were never recorded: PyTorch skips them, and does not
// call the guard. While they are watched for, they stand in the log as calls of the door "torch".
#pragma once

#include <Python.h>

namespace mtia::backend {

// Watch for such waits of this thread. What comes back is a new reference, for `unwatch`, which
// may come from another thread. Both need the interpreter lock.
PyObject* watch_idle_waits();
void unwatch_idle_waits(PyObject* watch);

}  // namespace mtia::backend
