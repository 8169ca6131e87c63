// Which operator gets which kernel on this backend's dispatch keys.
#pragma once

namespace mtia::aten {

// The kernels that are not the fallback, and an operator of the lab's own. While the library is
// loaded.
void register_own_kernels();

// The fallbacks, and the operators that need one although PyTorch has a composite kernel for them.
// For a fallback the dispatcher rewrites the tables of all its operators, which takes longer than
// all else: so this is put off until the device is first used.
void register_fallbacks();

}  // namespace mtia::aten
