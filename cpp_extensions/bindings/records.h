// The records of the log as objects of Python.
#pragma once

#include "../sim/types.h"
#include "convert.h"

namespace mtia::bindings {

// A list of all records from a position on; times count from `origin`. `schema` is the module that
// has their classes.
Owned read_log(int64_t position, sim::Time origin, PyObject* schema);

}  // namespace mtia::bindings
