// One boxed kernel for (almost) every operator, and kernels that refuse other layouts.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "operator.h"

namespace mtia::aten {

// Runs the operator on the arguments that are the last values of the stack: enqueues its kernel, or
// waits for it where its result decides how to go on.
void execute(const Operator& op, torch::jit::Stack& stack);

// Contract of a boxed kernel: the operator's arguments are the last values on the stack; leave what
// it returns in their place. The keys are those the call was dispatched by.
void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
              torch::jit::Stack* stack);

// Contract of a kernel on AutogradMTIA: compute, and note how to differentiate if that is asked.
// The dispatcher knows no backend kernel for MTIA when it chooses between the two, and takes the
// composite, whose last bits differ from the CPU's. So: the kernel where no gradient is needed,
// which is the case in every backward() without create_graph, and the composite where one is.
void below_or_composite(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                        torch::jit::Stack* stack);

// The device has strided tensors only. These are the keys of all calls that make another one on it,
// or take one of the CPU beside a tensor of the device.
constexpr c10::DispatchKey kOtherLayouts[] = {
    c10::DispatchKey::SparseMTIA, c10::DispatchKey::SparseCsrMTIA, c10::DispatchKey::QuantizedMTIA,
    c10::DispatchKey::NestedTensorMTIA};

// Contract of a boxed kernel: it throws, which a kernel may. NotImplementedError in Python.
void refuse_layout(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                   torch::jit::Stack* stack);

// Contract of a kernel on BackendSelect, where all calls come by: refuses those that take a tensor
// or name a device of this backend, and passes on all others as they are. For operators that would
// make such a tensor in a kernel of the CPU.
void refuse_layout_here(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                        torch::jit::Stack* stack);

}  // namespace mtia::aten
