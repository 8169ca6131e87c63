// The arguments of one call as the dispatcher hands them over: a stack of values.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>
#include <c10/util/SmallVector.h>

#include "operator.h"

namespace mtia::aten {

struct TensorArgument {
  const at::Tensor* tensor;
  int argument;  // which of the arguments it is, or is an element of
};

struct Call {
  Call(const Operator& called, torch::jit::Stack& values);

  const Operator& op;
  torch::jit::Stack& stack;
  at::ArrayRef<c10::IValue> arguments;          // the last ones on the stack
  c10::SmallVector<TensorArgument, 8> tensors;  // defined ones, those in lists too, in order
  int device = -1;                              // of the tensors, or the one asked for

  void replace_arguments(at::ArrayRef<c10::IValue> results);
};

// `value` with each tensor in it replaced by the next one that `next` gives.
template <typename Next>
c10::IValue with_tensors(const c10::IValue& value, Next&& next) {
  if (value.isTensor()) {
    return value.toTensor().defined() ? c10::IValue(next()) : value;
  }
  if (!value.isTensorList() && !value.isOptionalTensorList()) {
    return value;
  }
  c10::impl::GenericList copy(value.toList().elementType());
  for (const c10::IValue& element : value.toListRef()) {
    const bool defined = element.isTensor() && element.toTensor().defined();
    copy.push_back(defined ? c10::IValue(next()) : element);
  }
  return copy;
}

// Whether it is host memory that an operator may take by value beside tensors of the device.
bool is_host_scalar(const at::Tensor& tensor);

// Throws PyTorch's own error unless every tensor is on one device or is a scalar of the host.
void check_same_device(const Call& call);

// "float32[3, 4], 1", for the log.
std::string describe(const c10::IValue& argument);
std::string describe(at::ArrayRef<c10::IValue> arguments);

}  // namespace mtia::aten
