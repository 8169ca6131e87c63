// Operators whose results the host must see before it can go on: sizes that depend on values,
// results that are numbers, and whatever PyTorch has no meta kernel for.
#pragma once

#include "arguments.h"

namespace mtia::aten {

// Enqueues the kernel, waits for the stream, and puts what the operator returns on the stack. An
// error of the kernel is raised as it is: the host is there to hear it.
void run_and_wait(Call& call);

}  // namespace mtia::aten
