#include "random.h"

#include <ATen/CPUGeneratorImpl.h>

#include "../sim/runtime.h"

namespace mtia::aten {

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

// Two threads that draw from one generator must be ordered by their owner, as on the CPU.
void enqueue_draw(const Call& call, sim::Command command, const sim::Cost& cost) {
  command.chain = sequence_for(call);
  sim::submit(sim::current_stream(call.device), std::move(command), cost);
}

// Some operators take no generator and use the CPU's own. Its state is lent meanwhile. Copying it
// takes microseconds, so it is done only for those.
void draw_from(const backend::Sequence* sequence, const std::function<void()>& kernel) {
  if (sequence == nullptr) {
    return kernel();
  }
  at::Generator users = at::detail::getDefaultCPUGenerator();
  const at::Tensor before = users.get_state();
  at::Generator ours(sequence->twister);
  users.set_state(ours.get_state());
  const auto give_back = [&] {
    ours.set_state(users.get_state());
    users.set_state(before);
  };
  try {
    kernel();
  } catch (...) {
    give_back();
    throw;
  }
  give_back();
}

}  // namespace mtia::aten
