#include "clean_thread.h"

#include <ATen/ThreadLocalState.h>
#include <c10/core/GradMode.h>

#include <memory>
#include <thread>

namespace mtia::backend {

namespace {
// PyTorch can copy a thread's state, but not make a blank one: ask a thread that has done nothing.
const at::ThreadLocalState& blank_state() {
  static const auto* const state = [] {
    std::unique_ptr<at::ThreadLocalState> copy;
    std::thread([&] { copy = std::make_unique<at::ThreadLocalState>(); }).join();
    return copy.release();
  }();
  return *state;
}
}  // namespace

void run_clean(const std::function<void()>& effect) {
  at::ThreadLocalStateGuard blank(blank_state());
  c10::AutoGradMode no_gradients(false);
  effect();
}

}  // namespace mtia::backend
