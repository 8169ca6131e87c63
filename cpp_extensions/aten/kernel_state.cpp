#include "kernel_state.h"

#include <ATen/Context.h>
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

bool Settings::operator==(const Settings& other) const {
  return default_dtype_ == other.default_dtype_ && deterministic_ == other.deterministic_ &&
         warn_only_ == other.warn_only_ && fill_ == other.fill_ && mkldnn_ == other.mkldnn_;
}

void Settings::apply() const {
  at::Context& context = at::globalContext();
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(default_dtype_));
  context.setDeterministicAlgorithms(deterministic_, warn_only_);
  context.setDeterministicFillUninitializedMemory(fill_);
  context.setUserEnabledMkldnn(mkldnn_);
}

KernelState::KernelState(const Settings& settings)
    : keys_(c10::default_included_set.remove(c10::DispatchKey::ADInplaceOrView),
            c10::default_excluded_set | c10::autograd_dispatch_keyset_with_ADInplaceOrView),
      autograd_(c10::AutogradState::get_tls_state()),
      unwarned_(&silent_),
      wanted_(settings),
      found_(Settings::now()) {
  c10::AutogradState::set_tls_state(c10::AutogradState(
      /*grad_mode=*/false, /*inference_mode=*/false, /*fw_grad_mode=*/true,
      /*multithreading_enabled=*/true));
  if (!(wanted_ == found_)) {
    wanted_.apply();
  }
}

KernelState::~KernelState() {
  c10::AutogradState::set_tls_state(autograd_);
  if (!(wanted_ == found_)) {
    found_.apply();
  }
}

}  // namespace mtia::aten
