// Tensors of the device: made, resized, moved to other memory, and where their memory is. No kernel
// of the CPU could do it on device memory.
#pragma once

#include "rebindable_tensor.h"

namespace mtia::aten {

at::Tensor make_tensor(int device, const TensorSpec& spec, size_t bytes);
at::Tensor make_contiguous_tensor(int device, at::IntArrayRef sizes, c10::ScalarType dtype);

// The memory a tensor's first element lies in, or its storage starts at. Before a tensor is written
// to, own_memory() sees to it that a copy-on-write clone has memory of its own: by a copy on the
// current stream.
void* address_of(const at::Tensor& tensor);
void* storage_address(const at::Tensor& tensor);
void own_memory(const at::Tensor& tensor);

// Gives `tensor` these sizes and strides; its storage grows if it must, and keeps its content if
// `keep`: by a copy on the current stream, so in order with the work that is enqueued there.
void resize_with_storage(const at::Tensor& tensor, at::IntArrayRef sizes, at::IntArrayRef strides,
                         bool keep);
void grow_storage(const at::Tensor& tensor, size_t bytes, bool keep);

// Kernels of ATen's operators that do so.

using Dtype = std::optional<c10::ScalarType>;

struct TensorOptions {
  Dtype dtype;
  std::optional<c10::Layout> layout;
  std::optional<c10::Device> device;
  std::optional<bool> pin_memory;
};

at::Tensor empty(c10::SymIntArrayRef size, Dtype dtype, std::optional<c10::Layout> layout,
                 std::optional<c10::Device> device, std::optional<bool> pin_memory,
                 std::optional<c10::MemoryFormat> memory_format);
at::Tensor empty_strided(std::vector<int64_t> size, std::vector<int64_t> stride,
                         const TensorOptions& options);
at::Tensor efficient_zeros(c10::IntArrayRef sizes, const TensorOptions& options);

at::Tensor resize(const at::Tensor& self, c10::IntArrayRef size,
                  std::optional<c10::MemoryFormat> memory_format);

at::Tensor set_storage(const at::Tensor& self, at::Storage source);
at::Tensor set_storage_at(at::Tensor self, at::Storage source, int64_t offset,
                          c10::IntArrayRef size, c10::IntArrayRef stride);
at::Tensor set_tensor(const at::Tensor& self, const at::Tensor& source);
at::Tensor set_nothing(const at::Tensor& self);

void record_stream(const at::Tensor& self, c10::Stream stream);

}  // namespace mtia::aten
