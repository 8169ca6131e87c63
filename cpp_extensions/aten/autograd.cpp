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

std::vector<std::string> with_cpu_and_implicit_kernels() {
  std::vector<std::string> names;
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNamesForDispatchKey(c10::DispatchKey::CPU)) {
    const auto handle = dispatcher.findSchema(name);
    if (handle && handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) &&
        name.name.rfind("aten::", 0) == 0) {
      names.push_back(c10::toString(name));
    }
  }
  return names;
}

}  // namespace mtia::aten
