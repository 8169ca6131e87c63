// Python values as those of C++, and back. All of it needs the interpreter lock.
#pragma once

#include <ATen/core/Tensor.h>
#include <Python.h>

#include <optional>
#include <string>
#include <vector>

#include "../backend/python.h"

namespace mtia::bindings {

using backend::or_throw;
using backend::Owned;

Owned none();
Owned to_python(bool value);
Owned to_python(int64_t value);
Owned to_python(const std::string& text);  // what is no UTF-8 becomes lone surrogates
Owned to_python(const at::Tensor& tensor);
inline Owned to_python(int value) { return to_python(static_cast<int64_t>(value)); }

// A tuple, or a list, of `size` objects: `of(i)` gives them.
template <typename Of>
Owned tuple(size_t size, const Of& of) {
  Owned made = or_throw(PyTuple_New(static_cast<Py_ssize_t>(size)));
  for (size_t i = 0; i < size; ++i) {
    PyTuple_SET_ITEM(made.get(), static_cast<Py_ssize_t>(i), of(i).release());
  }
  return made;
}
template <typename T>
Owned to_python(const std::vector<T>& values) {
  return tuple(values.size(), [&](size_t i) { return to_python(values[i]); });
}

// What a function is given, by position. Throws a TypeError for what is of another type.
class Arguments {
 public:
  explicit Arguments(PyObject* const* values) : values_(values) {}

  PyObject* object(size_t i) const { return values_[i]; }
  bool flag(size_t i) const;
  int64_t integer(size_t i) const;
  std::string text(size_t i) const;
  at::Tensor tensor(size_t i) const;
  std::vector<at::Tensor> tensors(size_t i) const;  // of a list

 private:
  PyObject* const* values_;
};

std::string to_text(PyObject* object);
int64_t to_integer(PyObject* object);

// Gives up the interpreter lock, for what may wait.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace mtia::bindings
