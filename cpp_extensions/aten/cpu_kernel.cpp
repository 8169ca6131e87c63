#include "cpu_kernel.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DefaultDtype.h>

namespace mtia::aten {

Settings Settings::now() {
  const at::Context& context = at::globalContext();
  Settings settings;
  settings.default_dtype_ = c10::get_default_dtype_as_scalartype();
  settings.deterministic_ = context.deterministicAlgorithms();
  settings.warn_only_ = context.deterministicAlgorithmsWarnOnly();
  settings.fill_ = context.deterministicFillUninitializedMemory();
  settings.mkldnn_ = context.userEnabledMkldnn();
  return settings;
}

int64_t Settings::bits() const {
  return static_cast<int64_t>(default_dtype_) << 4 | int64_t{deterministic_} << 3 |
         int64_t{warn_only_} << 2 | int64_t{fill_} << 1 | int64_t{mkldnn_};
}

void Settings::apply() const {
  at::Context& context = at::globalContext();
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(default_dtype_));
  context.setDeterministicAlgorithms(deterministic_, warn_only_);
  context.setDeterministicFillUninitializedMemory(fill_);
  context.setUserEnabledMkldnn(mkldnn_);
}

KernelState::KernelState(const Settings& settings, std::vector<c10::Warning>* warnings)
    : thread_(/*below_autograd=*/true),
      warnings_(warnings),
      handled_(&warnings_),
      wanted_(settings),
      found_(Settings::now()) {
  // Each host thread has its own idea of how many threads a kernel takes, from when it was made. On
  // how a sum is split depend its last bits: the number that torch.set_num_threads() gave counts.
  at::init_num_threads();
  if (wanted_.bits() != found_.bits()) {
    wanted_.apply();
  }
}

KernelState::~KernelState() {
  if (wanted_.bits() != found_.bits()) {
    found_.apply();
  }
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
