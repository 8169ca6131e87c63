#include "layouts.h"

#include <algorithm>

namespace mtia::aten {

namespace {
struct Kind {
  const char* name;
  const char* advice;
};

Kind kind_of(const std::string& op, c10::DispatchKeySet keys) {
  const auto is = [&](c10::DispatchKey key, const char* part) {
    return keys.has(key) || op.find(part) != std::string::npos;
  };
  if (is(c10::DispatchKey::NestedTensorMTIA, "_nested")) {
    return {"nested", "Use layout=torch.jagged, which is dense, or the CPU"};
  }
  if (is(c10::DispatchKey::QuantizedMTIA, "quantized")) {
    return {"quantized", "Quantize on the CPU, or use torch.fake_quantize_per_tensor_affine"};
  }
  return {"sparse", "Use dense ones (x.to_dense(), sparse=False, sparse_grad=False), or the CPU"};
}

bool is_of_this_backend(const c10::IValue& value) {
  if (value.isTensorList()) {
    const auto elements = value.toListRef();
    return std::any_of(elements.begin(), elements.end(), is_of_this_backend);
  }
  return (value.isDevice() && value.toDevice().is_mtia()) ||
         (value.isTensor() && value.toTensor().is_mtia());
}
}  // namespace

void refuse_layout(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                   torch::jit::Stack*) {
  const std::string& op = handle.operator_name().name;
  const Kind kind = kind_of(op, keys);
  TORCH_CHECK_NOT_IMPLEMENTED(false, "the simulated device has no ", kind.name, " tensors, and ",
                              op, " takes or makes one: its kernels work on strided memory. ",
                              kind.advice);
}

void refuse_layout_here(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
                        torch::jit::Stack* stack) {
  const auto arguments = torch::jit::last(*stack, handle.schema().arguments().size());
  if (std::any_of(arguments.begin(), arguments.end(), is_of_this_backend)) {
    refuse_layout(handle, keys, stack);
  }
  const auto below =
      c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, c10::DispatchKey::BackendSelect);
  handle.redispatchBoxed(keys & below, stack);
}

}  // namespace mtia::aten
