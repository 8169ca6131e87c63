// Operators that make or reshape tensors: no kernel of the CPU could do it on device memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace mtia::aten {

using Dtype = std::optional<c10::ScalarType>;

at::Tensor empty(c10::SymIntArrayRef size, Dtype dtype, std::optional<c10::Layout> layout,
                 std::optional<c10::Device> device, std::optional<bool> pin_memory,
                 std::optional<c10::MemoryFormat> memory_format);
at::Tensor empty_strided(std::vector<int64_t> size, std::vector<int64_t> stride, Dtype dtype,
                         std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                         std::optional<bool> pin_memory);
at::Tensor efficient_zeros(c10::IntArrayRef sizes, Dtype dtype, std::optional<c10::Layout> layout,
                           std::optional<c10::Device> device, std::optional<bool> pin_memory);

at::Tensor resize(const at::Tensor& self, c10::IntArrayRef size,
                  std::optional<c10::MemoryFormat> memory_format);

at::Tensor set_storage(const at::Tensor& self, at::Storage source);
at::Tensor set_storage_at(at::Tensor self, at::Storage source, int64_t offset,
                          c10::IntArrayRef size, c10::IntArrayRef stride);
at::Tensor set_tensor(const at::Tensor& self, const at::Tensor& source);
at::Tensor set_nothing(const at::Tensor& self);

void record_stream(const at::Tensor& self, c10::Stream stream);

}  // namespace mtia::aten
