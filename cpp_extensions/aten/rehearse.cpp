#include "rehearse.h"

#include <algorithm>

#include "../backend/python.h"
#include "kernel_state.h"
#include "random.h"

namespace mtia::aten {

namespace {
// The arguments as the plan has them, on zeros.
torch::jit::Stack arguments_on(std::vector<std::vector<char>>& zeros, const Call& call,
                               const Plan& plan) {
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].shell.lend(zeros[i].data());
  }
  torch::jit::Stack stack = plan.arguments;
  for (int argument : plan.varying) {
    stack[argument] = call.arguments[argument];
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
  torch::jit::Stack stack = arguments_on(zeros, call, plan);
  const backend::Sequence scratch(c10::make_intrusive<at::CPUGeneratorImpl>());  // nobody else's
  bool accepted = true;
  try {
    const KernelState state(Settings::now());
    run_on_cpu(op, op.handle, stack, op.random ? &scratch : nullptr);
    results = std::move(stack);
  } catch (const std::exception&) {
    backend::forget_error();
    accepted = std::find(op.written.begin(), op.written.end(), true) == op.written.end();
  }
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].shell.restore(plan.inputs[i].form, zeros[i].data());
  }
  return accepted;
}

}  // namespace mtia::aten
