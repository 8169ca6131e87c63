#include "autograd.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/GradMode.h>

#include "arguments.h"

namespace mtia::aten {

void below_or_composite(const c10::OperatorHandle& handle, c10::DispatchKeySet,
                        torch::jit::Stack* stack) {
  const Call call(operator_of(handle), *stack);
  bool recorded = false;
  for (const auto& [tensor, argument] : call.tensors) {
    recorded = recorded || (c10::GradMode::is_enabled() && tensor->requires_grad());
  }
  if (recorded) {  // a backend without kernels has the composite in this place
    return handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::AutogradIPU), stack);
  }
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  handle.callBoxed(stack);
}

}  // namespace mtia::aten
