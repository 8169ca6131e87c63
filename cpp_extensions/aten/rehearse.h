// Asking the CPU's kernel itself what it will return, by running it on zeros.
#pragma once

#include "plan.h"

namespace mtia::aten {

// Meta kernels were written for what compilers need: they know sizes, but not all strides of the
// CPU's kernels, on which the last bits of later results depend; some answer for CUDA; and few look
// whether what is written overlaps what is read. So a new plan is rehearsed once.
//
// Puts what the kernel returns in place of `results`, which a meta kernel foretold, if the kernel
// takes zeros; a singular matrix it may refuse, and then those count. False if it refuses to write:
// only the real call can tell why.
bool rehearse(const Call& call, const Plan& plan, torch::jit::Stack& results);

}  // namespace mtia::aten
