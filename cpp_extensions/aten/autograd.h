// Autograd for operators that have both a formula of their own and a composite kernel.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace mtia::aten {

// Contract of a kernel on AutogradMTIA: compute, and note how to differentiate if that is asked.
// The dispatcher knows no backend kernel for MTIA when it chooses between the two, and takes the
// composite, whose last bits differ from the CPU's. So: the kernel where nothing is recorded, which
// is the case in every backward() without create_graph, and the composite where something is.
void below_or_composite(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                        torch::jit::Stack* stack);

}  // namespace mtia::aten
