// Kernels whose arguments come boxed. For one that takes them as C++ types the compiler writes a
// schema, a wrapper and a boxed door of its own, which takes it a second each: that is kept for the
// few that PyTorch calls often.
#pragma once

#include <ATen/core/stack.h>
#include <torch/library.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mtia {

// What a boxed kernel is given, by position in the schema.
class Arguments {
 public:
  explicit Arguments(c10::ArrayRef<c10::IValue> values) : values_(values) {}

  const c10::IValue& operator[](size_t i) const { return values_[i]; }
  bool flag(size_t i) const { return values_[i].toBool(); }
  int64_t integer(size_t i) const { return values_[i].toInt(); }
  std::vector<int64_t> integers(size_t i) const { return values_[i].toIntVector(); }
  const std::string& text(size_t i) const { return values_[i].toStringRef(); }
  std::vector<std::string> texts(size_t i) const {
    std::vector<std::string> found;
    for (const c10::IValue& each : values_[i].toListRef()) {
      found.push_back(each.toStringRef());
    }
    return found;
  }
  const at::Tensor& tensor(size_t i) const { return values_[i].toTensor(); }
  std::vector<at::Tensor> tensors(size_t i) const { return values_[i].toTensorVector(); }

 private:
  c10::ArrayRef<c10::IValue> values_;
};

// Returns what the operator returns; if that is nothing, whatever it likes.
using Body = c10::IValue (*)(const Arguments&);

class BoxedKernel final : public c10::OperatorKernel {
 public:
  explicit BoxedKernel(Body body) : body_(body) {}

  // Contract: take the arguments off the stack and leave the results there.
  void operator()(const c10::OperatorHandle& handle, c10::DispatchKeySet,
                  torch::jit::Stack* stack) {
    const size_t count = handle.schema().arguments().size();
    c10::IValue result = body_(Arguments(torch::jit::last(*stack, count)));
    torch::jit::drop(*stack, count);
    if (!handle.schema().returns().empty()) {
      stack->push_back(std::move(result));
    }
  }

 private:
  Body body_;
};

inline torch::CppFunction boxed(Body body) {
  return torch::CppFunction::makeFromBoxedFunctor(std::make_unique<BoxedKernel>(body));
}

}  // namespace mtia
