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
at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, Dtype dtype,
                         std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                         std::optional<bool> pin_memory);
at::Tensor efficient_zeros(c10::SymIntArrayRef size, Dtype dtype, std::optional<c10::Layout> layout,
                           std::optional<c10::Device> device, std::optional<bool> pin_memory);

const at::Tensor& resize(const at::Tensor& self, c10::SymIntArrayRef size,
                         std::optional<c10::MemoryFormat> memory_format);

at::Tensor& set_storage(at::Tensor& self, at::Storage source);
at::Tensor& set_storage_at(at::Tensor& self, at::Storage source, c10::SymInt offset,
                           c10::SymIntArrayRef size, c10::SymIntArrayRef stride);
at::Tensor& set_tensor(at::Tensor& self, const at::Tensor& source);
at::Tensor& set_nothing(at::Tensor& self);

void record_stream(at::Tensor& self, at::Stream stream);

}  // namespace mtia::aten
