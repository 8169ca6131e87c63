#include "rehearse.h"

#include <algorithm>

#include "kernel_state.h"
#include "random.h"

namespace mtia::aten {

namespace {
// The arguments as the plan has them, on zeros, drawing from a generator that nobody else has.
torch::jit::Stack arguments_on(const std::vector<std::vector<char>>& zeros, const Call& call,
                               const Plan& plan, const backend::Sequence& scratch) {
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].shell.lend(const_cast<char*>(zeros[i].data()));
  }
  torch::jit::Stack stack = plan.arguments;
  for (int argument : plan.varying) {
    stack[argument] = call.arguments[argument];
  }
  if (call.op.generator != kFresh) {
    stack[call.op.generator] = at::Generator(scratch.twister);
  }
  return stack;
}
}  // namespace

bool rehearse(const Call& call, const Plan& plan, torch::jit::Stack& results) {
  const Operator& op = call.op;
  if (op.handle.operator_name().name.rfind("aten::", 0) != 0) {
    return true;  // a reader's kernel may have side effects: it runs when it is due only
  }
  std::vector<std::vector<char>> zeros;
  for (const Input& input : plan.inputs) {
    zeros.emplace_back(input.shell.tensor().storage().nbytes());
  }
  const backend::Sequence scratch(c10::make_intrusive<at::CPUGeneratorImpl>());
  torch::jit::Stack stack = arguments_on(zeros, call, plan, scratch);
  bool accepted = true;
  try {
    const KernelState state(Settings::now());
    draw_from(op.random && op.generator == kFresh ? &scratch : nullptr, [&] {
      op.handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
    });
    results = std::move(stack);
  } catch (const std::exception&) {
    accepted = std::find(op.written.begin(), op.written.end(), true) == op.written.end();
  }
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].shell.restore(plan.inputs[i].form, zeros[i].data());
  }
  return accepted;
}

}  // namespace mtia::aten
