// What PyTorch's meta kernel leaves open about a convolution.
#pragma once

#include <ATen/core/ivalue.h>

namespace mtia::aten {

// The memory format in which the CPU returns a convolution of these arguments, tensors of the CPU.
// Their memory is not looked at.
c10::MemoryFormat convolution_format(at::ArrayRef<c10::IValue> arguments);

}  // namespace mtia::aten
