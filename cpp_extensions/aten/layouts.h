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

// Operators whose composite kernel would make one of dense tensors and fail in its own words.
constexpr const char* kMakeOtherLayouts[] = {"sparse_compressed_tensor.comp_plain_value",
                                             "sparse_compressed_tensor.comp_plain_value_size",
                                             "sparse_csr_tensor.crow_col_value",
                                             "sparse_csr_tensor.crow_col_value_size",
                                             "sparse_csc_tensor.ccol_row_value",
                                             "sparse_csc_tensor.ccol_row_value_size",
                                             "sparse_bsr_tensor.crow_col_value",
                                             "sparse_bsr_tensor.crow_col_value_size",
                                             "sparse_bsc_tensor.ccol_row_value",
                                             "sparse_bsc_tensor.ccol_row_value_size",
                                             "_sparse_compressed_tensor_unsafe",
                                             "_nested_tensor_from_tensor_list",
                                             "_nested_view_from_buffer",
                                             "_nested_tensor_from_mask",
                                             "_nested_from_padded"};

// Contract of a boxed kernel: it throws, which a kernel may. NotImplementedError in Python.
void refuse_layout(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                   torch::jit::Stack* stack);

// Contract of a kernel on BackendSelect, where all calls come by: refuses those that name a device
// of this backend, and passes on all others as they are. For operators that take tensors of the CPU
// and move them within their kernel.
void refuse_layout_here(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                        torch::jit::Stack* stack);

}  // namespace mtia::aten
