// What an operator will give back, found without computing: PyTorch's meta kernels.
#pragma once

#include "plan.h"

namespace mtia::aten {

// Fills in the inputs, outputs and returns of `plan`; false if PyTorch cannot tell (there is no
// meta kernel, or it objects to the arguments), so that only running the operator can.
bool infer(const Call& call, Plan& plan);

}  // namespace mtia::aten
