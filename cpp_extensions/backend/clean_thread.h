// An effect runs on whichever thread synchronizes, and must not notice what that thread is up to.
#pragma once

#include <ATen/PythonTorchFunctionTLS.h>
#include <c10/core/AutogradState.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace mtia::backend {

// While it lives, calls are dispatched as on a fresh thread: no Python, functorch or fake-tensor
// modes, no autocast, no inference mode, gradients off; and below autograd if that is asked.
//
// It does not exchange all of the thread's state (at::ThreadLocalStateGuard): functorch, which may
// be further up this stack, keeps references into that.
class CleanThread {
 public:
  explicit CleanThread(bool below_autograd = false);
  ~CleanThread();
  CleanThread(const CleanThread&) = delete;
  CleanThread& operator=(const CleanThread&) = delete;

 private:
  c10::impl::ForceDispatchKeyGuard keys_;
  c10::AutogradState autograd_;
  at::impl::PythonTorchFunctionTLS functions_;
};

}  // namespace mtia::backend
