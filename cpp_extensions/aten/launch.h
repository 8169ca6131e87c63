// Enqueueing an operator as its plan says.
#pragma once

#include "../sim/command.h"
#include "plan.h"

namespace mtia::aten {

// Enqueues the kernel on the current stream of the call's device and puts what the operator
// returns on the stack in place of its arguments. Returns before the kernel runs.
void launch(Call& call, std::shared_ptr<const Plan> plan);

// The pieces that an operator which is waited for needs too.
sim::Command kernel_command(const Call& call, std::shared_ptr<sim::OrderedUses> uses);

}  // namespace mtia::aten
