// Tensors of the device: made, resized, and where their memory is.
#pragma once

#include "shell.h"

namespace mtia::aten {

at::Tensor make_tensor(int device, const Form& form, size_t bytes);
at::Tensor make_contiguous_tensor(int device, at::IntArrayRef sizes, c10::ScalarType dtype);

// The memory a tensor's first element lies in, or its storage starts at. Before a tensor is written
// to, own_memory() sees to it that a copy-on-write clone has memory of its own: by a copy on the
// current stream.
void* address_of(const at::Tensor& tensor);
void* storage_address(const at::Tensor& tensor);
void own_memory(const at::Tensor& tensor);

// Gives `tensor` these sizes and strides; its storage grows if it must, and keeps its content if
// `keep`: by a copy on the current stream, so in order with the work that is enqueued there.
void set_form(const at::Tensor& tensor, at::IntArrayRef sizes, at::IntArrayRef strides, bool keep);
void grow_storage(const at::Tensor& tensor, size_t bytes, bool keep);

}  // namespace mtia::aten
