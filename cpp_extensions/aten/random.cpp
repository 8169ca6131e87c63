#include "random.h"

#include <ATen/CPUGeneratorImpl.h>

namespace mtia::aten {

void check_generator(const Call& call) {
  if (call.op.generator == kFresh || !call.arguments[call.op.generator].isGenerator()) {
    return;
  }
  auto wanted = c10::DeviceType::CPU;
  for (const c10::IValue& value : call.arguments) {
    wanted = value.isDevice() ? value.toDevice().type() : wanted;
  }
  for (size_t i = 0; i < call.tensors.size() && wanted != c10::DeviceType::MTIA; ++i) {
    wanted = call.tensors[i].tensor->device().type();
  }
  const auto found = call.arguments[call.op.generator].toGenerator().device().type();
  TORCH_CHECK(found == wanted, "Expected a '", wanted, "' device type for generator but found '",
              found, "'. A kernel draws where it runs: make it with torch.Generator('", wanted,
              "')");
}

std::shared_ptr<backend::Sequence> sequence_for(const Call& call) {
  if (!call.op.random) {
    return nullptr;
  }
  for (const c10::IValue& value : call.arguments) {
    if (value.isGenerator()) {
      return backend::sequence_of(value.toGenerator(), call.device);
    }
  }
  return backend::sequence_of(std::nullopt, call.device);
}

void run_on_cpu(const Operator& op, const c10::OperatorHandle& handle, torch::jit::Stack& stack,
                const backend::Sequence* sequence) {
  op.check_is_there();
  const auto run = [&] {
    handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
  };
  if (sequence == nullptr) {
    return run();
  }
  at::Generator ours(sequence->twister);
  if (op.generator != kFresh) {
    stack[op.generator] = ours;
    return run();
  }
  // Copying the state takes microseconds, so it is done only for those that take no generator.
  at::Generator users = at::detail::getDefaultCPUGenerator();
  const at::Tensor before = users.get_state();
  users.set_state(ours.get_state());
  const auto give_back = [&] {
    ours.set_state(users.get_state());
    users.set_state(before);
  };
  try {
    run();
  } catch (...) {
    give_back();
    throw;
  }
  give_back();
}

}  // namespace mtia::aten
