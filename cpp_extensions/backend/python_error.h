// How an error of Python travels through C++: `python_error`, of the very layout that
// torch/csrc/Exceptions.h declares, and the function that turns any exception into Python's. That
// header includes pybind11, which would take a fifth of the time that this library takes to build.
// A test holds the two to each other (tests/device/test_virtuals.py).
#pragma once

#include <Python.h>
#include <torch/csrc/Export.h>

#include <exception>
#include <string>
#include <utility>

struct python_error : std::exception {
  python_error() = default;
  python_error(const python_error& other)
      : type(other.type), value(other.value), traceback(other.traceback), message(other.message) {
    each_with_gil([](PyObject* object) { Py_XINCREF(object); });
  }
  python_error(python_error&& other) noexcept
      : type(std::exchange(other.type, nullptr)),
        value(std::exchange(other.value, nullptr)),
        traceback(std::exchange(other.traceback, nullptr)),
        message(std::move(other.message)) {}
  python_error& operator=(const python_error&) = delete;
  ~python_error() override {
    each_with_gil([](PyObject* object) { Py_XDECREF(object); });
  }

  const char* what() const noexcept override { return message.c_str(); }

  // What was raised, if it is kept apart from the interpreter; else it is the interpreter's error.
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  std::string message;

 private:
  template <typename Act>
  void each_with_gil(const Act& act) const {
    if (type != nullptr || value != nullptr || traceback != nullptr) {
      const PyGILState_STATE state = PyGILState_Ensure();
      act(type);
      act(value);
      act(traceback);
      PyGILState_Release(state);
    }
  }
};

namespace torch {
TORCH_PYTHON_API void translate_exception_to_python(const std::exception_ptr& error);
}  // namespace torch
