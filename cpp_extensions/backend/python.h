// The Python side of the host: the interpreter lock, the reader's line, callables as effects.
#pragma once

#include <Python.h>

#include <memory>
#include <string>

#include "../sim/device.h"
#include "../sim/host.h"

namespace mtia::backend {

// Holds the interpreter lock, taken if this thread did not have it.
class WithGil {
 public:
  WithGil() : state_(PyGILState_Ensure()) {}
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

// A reference of our own.
struct Release {
  void operator()(PyObject* object) const { Py_XDECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Release>;

// Clears the exception that is set and returns it as "ValueError: why".
std::string take_error();

struct PythonHost final : sim::Host {
  void* release() noexcept override;
  void acquire(void* token) noexcept override;
  sim::Site call_site() noexcept override;
};

// How a file is called in the log: `namer` takes a file name and returns a str, or None if its
// lines are not the reader's own, so that the frame that called it is asked next.
void set_file_namer(PyObject* namer);
void ensure_file_namer();  // so that lines have names also while nothing is being recorded

// An effect that calls `callable` without arguments, keeping it alive until then. What it raises
// becomes a C++ exception that reads "ZeroDivisionError: division by zero".
sim::Effect python_effect(PyObject* callable);

}  // namespace mtia::backend
