// What an operator moves and computes, from the forms of its tensors alone.
#pragma once

#include "plan.h"

namespace mtia::aten {

sim::Cost cost_of(const Plan& plan);

}  // namespace mtia::aten
