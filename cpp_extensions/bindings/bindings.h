// What Python may ask the simulator: a module in this library, through CPython's own C API.
#pragma once

#include <Python.h>

#include "convert.h"

namespace mtia::bindings {

// A function of the module; what it gives, or nothing for None. What it throws, Python raises.
struct Binding {
  const char* name;
  Py_ssize_t arguments;
  Owned (*body)(const Arguments& given);
};

}  // namespace mtia::bindings

// As `import` calls it. The helper does so with `torch.ops.load_library`: mtia_lab/device.py.
PyMODINIT_FUNC PyInit_bindings();
