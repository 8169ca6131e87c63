// One call of an operator: its arguments on the dispatcher's stack, and how the log shows them.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>
#include <c10/util/SmallVector.h>

#include <optional>

#include "../sim/command.h"
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

// Whether it is a list of tensors, or of tensors and None, by its elements: TorchScript gives lists
// of indices other types than Python's bindings do.
bool is_tensor_list(const c10::IValue& value);

// Calls `visit` with each defined tensor in `value`, in order.
template <typename Visit>
void for_each_tensor(const c10::IValue& value, const Visit& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) {
      visit(value.toTensor());
    }
  } else if (is_tensor_list(value)) {
    for (const c10::IValue& element : value.toListRef()) {
      for_each_tensor(element, visit);
    }
  }
}

// `value` with each of those tensors replaced by the next one that `next` gives.
template <typename Next>
c10::IValue with_tensors(const c10::IValue& value, Next&& next) {
  if (value.isTensor()) {
    return value.toTensor().defined() ? c10::IValue(next()) : value;
  }
  if (!is_tensor_list(value)) {
    return value;
  }
  c10::impl::GenericList copy(value.toList().elementType());
  for (const c10::IValue& element : value.toListRef()) {
    copy.push_back(with_tensors(element, next));
  }
  return copy;
}

// The index of the first tensor argument with the same storage on the device, or its own.
size_t first_with_storage(const Call& call, size_t index);

// The index of the first tensor argument that is this very tensor, or its own. Kernels treat an
// output that is an input otherwise than one that only shares its memory.
size_t first_identical(const Call& call, size_t index);

// The same of all tensor arguments at once: of lists of thousands too.
struct Aliases {
  std::vector<size_t> storage, tensor;  // first_with_storage, first_identical
  std::vector<bool> shared;             // whether any other has the same storage
};
Aliases aliases_of(const Call& call);

// Throws unless every tensor is strided, lies in its storage, and is on one device or a scalar of
// the host that the operator only reads: PyTorch's own error if it is elsewhere. What is written
// has memory of its own afterwards.
void prepare_tensors(const Call& call);

// Throws if a kernel would go past the end of what is left of a storage that was shrunk.
void check_in_storage(const at::Tensor& tensor, const std::string& used_by);

// "float32[3, 4], 1", for the log.
std::string describe(const c10::IValue& argument);
std::string describe(at::ArrayRef<c10::IValue> arguments);

// What memory a tensor is. Nothing for a tensor without elements, or in memory that only the host
// can use.
std::optional<sim::Access> access_to(const at::Tensor& tensor, bool write);

void note_access(sim::Command& command, const at::Tensor& tensor, bool write);

}  // namespace mtia::aten
