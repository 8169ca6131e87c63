#include "fallback.h"

#include <c10/core/TensorOptions.h>

#include "../backend/trace.h"
#include "arguments.h"
#include "host_operators.h"
#include "launch.h"
#include "plan.h"
#include "random.h"
#include "wait.h"

namespace mtia::aten {

namespace {
// Operators that take indices into a tensor of the device from the host as well, as on CUDA.
bool takes_indices_from_host(const Operator& op) {
  const std::string& name = *op.name;
  return name == "index" || name == "index_put" || name == "index_put_" ||
         name == "_index_put_impl_" || name == "_unsafe_index" || name == "_unsafe_index_put";
}

void bring_indices(Call& call) {
  constexpr int kIndices = 1;
  const c10::Device device = call.tensors[0].tensor->device();
  const c10::IValue indices = call.arguments[kIndices];
  const auto elements = indices.toListRef();
  c10::impl::GenericList moved(indices.toList().elementType());
  for (const c10::IValue& element : elements) {
    const bool away =
        element.isTensor() && element.toTensor().defined() && element.toTensor().is_cpu();
    moved.push_back(away ? c10::IValue(element.toTensor().to(device)) : element);
  }
  call.stack[call.stack.size() - call.arguments.size() + kIndices] = moved;
}

bool has_host_indices(const Call& call) {
  for (const auto& [tensor, argument] : call.tensors) {
    if (argument == 1 && tensor->is_cpu()) {
      return call.tensors[0].tensor->is_mtia();
    }
  }
  return false;
}

// PyTorch calls this backend for a generator of its as well, whatever the tensors are. Their own
// backend says what is wrong, as it does with CUDA's generators.
bool draws_for_another_backend(const Call& call) {
  return call.op.generator != kFresh && !filled_device(call).is_mtia();
}

}  // namespace

void execute(const Operator& op, torch::jit::Stack& stack) {
  Call call(op, stack);
  if (takes_indices_from_host(op) && has_host_indices(call)) {
    bring_indices(call);
    return execute(op, stack);
  }
  if (draws_for_another_backend(call)) {
    const auto key = c10::computeDispatchKey(std::nullopt, std::nullopt, filled_device(call));
    return op.handle.redispatchBoxed(c10::DispatchKeySet(key), &stack);
  }
  check_generator(call);
  prepare_tensors(call);
  auto plan = op.needs_values ? nullptr : plan_for(call);
  plan == nullptr || plan->needs_values ? run_and_wait(call) : launch(call, std::move(plan));
}

// [aten.fallback]
void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const Operator& op = operator_of(handle);
  if (op.view) {  // the CPU's kernel only makes another tensor on the same memory, whose ever it is
    return handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  }
  if (!sim::log::recording()) {
    return execute(op, *stack);
  }
  const Call call(op, *stack);
  for (const auto& [tensor, argument] : call.tensors) {
    if (tensor->is_cpu() && tensor->dim() == 0 && op.by_value[argument]) {
      note_host_read(*op.name, *tensor);  // its value goes into the command
    }
  }
  backend::traced(
      "aten", op.full_name->c_str(), [&] { execute(op, *stack); }, describe(call.arguments));
}

}  // namespace mtia::aten
