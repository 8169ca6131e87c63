#include "convert.h"

#include <torch/csrc/Export.h>

// As torch/csrc/autograd/python_variable.h declares it, which includes pybind11: see
// ../backend/python_error.h.
TORCH_PYTHON_API PyObject* THPVariable_Wrap(const at::TensorBase& tensor);
TORCH_PYTHON_API extern PyObject* THPVariableClass;

namespace mtia::bindings {

Owned none() { return Owned(Py_NewRef(Py_None)); }
Owned to_python(bool value) { return or_throw(PyBool_FromLong(value)); }
Owned to_python(int64_t value) { return or_throw(PyLong_FromLongLong(value)); }
Owned to_python(const at::Tensor& tensor) { return or_throw(THPVariable_Wrap(tensor)); }

Owned to_python(const std::string& text) {
  const auto size = static_cast<Py_ssize_t>(text.size());
  return or_throw(PyUnicode_DecodeUTF8(text.data(), size, "surrogateescape"));
}

std::string to_text(PyObject* object) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &size);
  if (text == nullptr) {
    backend::throw_error();
  }
  return {text, static_cast<size_t>(size)};
}

int64_t to_integer(PyObject* object) {
  const int64_t value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred() != nullptr) {
    backend::throw_error();
  }
  return value;
}

namespace {
// A tensor gives its address as `_cdata`; so does a storage, which is something else.
at::Tensor to_tensor(PyObject* object) {
  if (PyObject_IsInstance(object, THPVariableClass) != 1) {
    if (PyErr_Occurred() == nullptr) {
      PyErr_Format(PyExc_TypeError, "expected a tensor, not a %s", Py_TYPE(object)->tp_name);
    }
    backend::throw_error();
  }
  const Owned address = or_throw(PyObject_GetAttrString(object, "_cdata"));
  auto* impl = static_cast<c10::TensorImpl*>(PyLong_AsVoidPtr(address.get()));
  if (impl == nullptr) {
    backend::throw_error();
  }
  using Pointer = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  return at::Tensor(Pointer::reclaim_copy(impl));
}
}  // namespace

bool Arguments::flag(size_t i) const { return values_[i] == Py_True; }
int64_t Arguments::integer(size_t i) const { return to_integer(values_[i]); }
std::string Arguments::text(size_t i) const { return to_text(values_[i]); }

at::Tensor Arguments::tensor(size_t i) const { return to_tensor(values_[i]); }

std::vector<at::Tensor> Arguments::tensors(size_t i) const {
  const Owned sequence = or_throw(PySequence_Fast(values_[i], "tensors come in a list"));
  std::vector<at::Tensor> tensors;
  for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(sequence.get()); ++k) {
    tensors.push_back(to_tensor(PySequence_Fast_GET_ITEM(sequence.get(), k)));
  }
  return tensors;
}

}  // namespace mtia::bindings
