// An effect runs on whichever thread synchronises, and must not notice what that thread is up to.
#pragma once

#include <functional>

namespace mtia::backend {

// Runs `effect` as a fresh thread would: no Python, functorch or fake-tensor modes, no autocast, no
// inference mode; and with gradients off, as a kernel records none.
void run_clean(const std::function<void()>& effect);

}  // namespace mtia::backend
