// Tensors that are not strided: the device has none, and says so at every door they could come by.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace mtia::aten {

// The keys of all calls that make such a tensor on the device, or take one of the CPU beside a
// tensor of the device.
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
