// From a call to a command on the device's current stream: as a plan says, or waited for.
//
// Note [Effects own no memory]. An effect knows device memory by address alone, so that a tensor
// which is freed while its kernel is pending really gives its block back to the allocator:
// otherwise record_stream would have no purpose here. Addresses stay mapped, so a program that
// frees memory too early computes wrong values, as on hardware. All else an effect holds by value:
// scalars of the host, settings of the process, and, where the host waits for a copy, a reference
// to its memory.
#pragma once

#include "../sim/command.h"
#include "plan.h"

namespace mtia::aten {

// The asynchronous path. Enqueues the kernel on the current stream of the call's device and puts
// what the operator returns on the stack in place of its arguments. Returns before the kernel runs.
void launch(Call& call, std::shared_ptr<const Plan> plan);

// The synchronous path, for operators whose results the host must see before it can go on: sizes
// that depend on values, results that are numbers, and whatever cannot be planned. Enqueues the
// kernel, waits for the stream, and puts what the operator returns on the stack. An error of the
// kernel is raised as it is, since the host waits for it.
void launch_and_wait(Call& call);

}  // namespace mtia::aten
