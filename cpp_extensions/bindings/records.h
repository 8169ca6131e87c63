// The records of the log as objects of Python.
#pragma once

#include "../sim/types.h"
#include "convert.h"

namespace mtia::bindings {

// A list of all records from a position on; times count from `origin`. `classes` are those of an
// Access and a Known, then those of records: Call, Command, Memory, Host, Value.
Owned read_log(int64_t position, sim::Time origin, PyObject* classes);

}  // namespace mtia::bindings
