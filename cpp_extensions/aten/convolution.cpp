#include "convolution.h"

#include <ATen/native/ConvUtils.h>

namespace mtia::aten {

c10::MemoryFormat convolution_format(at::ArrayRef<c10::IValue> arguments) {
  enum { Input, Weight, Bias, Stride, Padding, Dilation, Transposed, OutputPadding, Groups };
  const at::Tensor& input = arguments[Input].toTensor();
  const at::Tensor& weight = arguments[Weight].toTensor();
  const auto numbers = [&](int argument) { return arguments[argument].toSymIntVector(); };
  const auto backend = at::native::select_conv_backend(
      input, weight, arguments[Bias].toOptional<at::Tensor>(), numbers(Stride), numbers(Padding),
      numbers(Dilation), arguments[Transposed].toBool(), numbers(OutputPadding),
      arguments[Groups].toSymInt(), std::nullopt);
  return at::native::_determine_backend_memory_format(input, weight, backend);
}

}  // namespace mtia::aten
