#include "clean_thread.h"

namespace mtia::backend {

namespace {
using c10::DispatchKey;

c10::DispatchKeySet included(bool below_autograd) {
  return below_autograd ? c10::default_included_set.remove(DispatchKey::ADInplaceOrView)
                        : c10::default_included_set;
}

c10::DispatchKeySet excluded(bool below_autograd) {
  return below_autograd
             ? c10::default_excluded_set | c10::autograd_dispatch_keyset_with_ADInplaceOrView
             : c10::default_excluded_set;
}
}  // namespace

CleanThread::CleanThread(bool below_autograd)
    : keys_(included(below_autograd), excluded(below_autograd)),
      autograd_(c10::AutogradState::get_tls_state()),
      functions_(at::impl::PythonTorchFunctionTLS::get_state()) {
  c10::AutogradState::set_tls_state(c10::AutogradState(
      /*grad_mode=*/false, /*inference_mode=*/false, /*fw_grad_mode=*/true,
      /*multithreading_enabled=*/true));
  at::impl::PythonTorchFunctionTLS::set_state({});
}

CleanThread::~CleanThread() {
  c10::AutogradState::set_tls_state(autograd_);
  at::impl::PythonTorchFunctionTLS::set_state(functions_);
}

}  // namespace mtia::backend
