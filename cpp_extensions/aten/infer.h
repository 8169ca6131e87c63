// What an operator will give back, found without computing on the device.
#pragma once

#include "plan.h"

namespace mtia::aten {

// Fills in all of `plan` but its key and its cost; false if only running the operator on the
// device's own values can tell.
bool infer(const Call& call, Plan& plan);

}  // namespace mtia::aten
