#include "fallback.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/GradMode.h>
#include <c10/core/TensorOptions.h>

#include <algorithm>

#include "../backend/call_log.h"
#include "call.h"
#include "host_operators.h"
#include "launch.h"
#include "plan.h"
#include "random.h"

namespace mtia::aten {

namespace {
// Operators that take indices into a tensor of the device from the host as well, as on CUDA.
bool takes_indices_from_host(const Operator& op) {
  const std::string& name = *op.name;
  return name == "index" || name == "index_put" || name == "index_put_" ||
         name == "_index_put_impl_" || name == "_unsafe_index" || name == "_unsafe_index_put";
}

constexpr int kIndices = 1;  // which argument they are

void bring_indices(Call& call) {
  const c10::Device device = call.tensors[0].tensor->device();
  const c10::IValue indices = call.arguments[kIndices];
  const auto elements = indices.toListRef();
  c10::impl::GenericList moved(indices.toList().elementType());
  for (const c10::IValue& element : elements) {
    const bool away =
        element.isTensor() && element.toTensor().defined() && element.toTensor().is_cpu();
    moved.push_back(away ? c10::IValue(element.toTensor().to(device)) : element);
  }
  call.stack[call.stack.size() - call.arguments.size() + kIndices] = moved;
}

bool has_host_indices(const Call& call) {
  const c10::Device device = call.tensors[0].tensor->device();
  bool found = false;
  for (const auto& [tensor, argument] : call.tensors) {
    if (argument == kIndices) {
      TORCH_CHECK(tensor->is_cpu() || tensor->device() == device, "indices should be either on ",
                  c10::kCPU, " or on the same device as the indexed tensor (", device, ")");
      found = found || (tensor->is_cpu() && device.is_mtia());
    }
  }
  return found;
}

// Where histc is given no range, or an empty one, it fetches that of the values, as on CUDA.
bool fetches_range(const Call& call) {
  const auto bound = [&](int argument) {
    return call.arguments[argument].toScalar().toComplexDouble();
  };
  return call.op.finds_range && bound(2) == bound(3);
}

// An operator may look at values only where a call asks for it: by a flag, or by a tensor to check.
bool is_asked_to_look(const Call& call) {
  if (call.op.looks_if == kFresh) {
    return false;
  }
  const c10::IValue& asked = call.arguments[call.op.looks_if];
  return asked.isBool() ? asked.toBool() : asked.isTensor() && asked.toTensor().defined();
}

// PyTorch calls this backend for a generator of its as well, whatever the tensors are. Their own
// backend says what is wrong, as it does with CUDA's generators.
bool draws_for_another_backend(const Call& call) {
  return call.op.generator != kFresh && !filled_device(call).is_mtia();
}

}  // namespace

// [fallback.execute]
void execute(const Operator& op, torch::jit::Stack& stack) {
  Call call(op, stack);
  if (takes_indices_from_host(op) && has_host_indices(call)) {
    bring_indices(call);
    return execute(op, stack);
  }
  if (draws_for_another_backend(call)) {
    const auto key = c10::computeDispatchKey(std::nullopt, std::nullopt, filled_device(call));
    return op.handle.redispatchBoxed(c10::DispatchKeySet(key), &stack);
  }
  check_generator(call);
  prepare_tensors(call);
  const bool looks = op.needs_values || fetches_range(call) || is_asked_to_look(call);
  auto plan = looks ? nullptr : plan_for(call);
  if (plan == nullptr || plan->needs_values) {
    launch_and_wait(call);
  } else {
    launch(call, std::move(plan));
  }
}

// [aten.fallback]
void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const Operator& op = operator_of(handle);
  if (op.view) {  // the CPU's kernel only makes another tensor on the same storage
    return handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  }
  if (!sim::log::recording()) {
    return execute(op, *stack);
  }
  const Call call(op, *stack);
  for (const auto& [tensor, argument] : call.tensors) {
    if (tensor->is_cpu() && tensor->dim() == 0 && op.by_value[argument]) {
      note_host_read(*op.name, *tensor);  // its value goes into the command
    }
  }
  backend::logged(
      "aten", op.full_name->c_str(), [&] { execute(op, *stack); }, describe(call.arguments));
}

void below_or_composite(const c10::OperatorHandle& handle, c10::DispatchKeySet,
                        torch::jit::Stack* stack) {
  bool needs_gradient = false;
  for (const c10::IValue& value : torch::jit::last(*stack, handle.schema().arguments().size())) {
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      needs_gradient = needs_gradient || tensor.requires_grad();
    });
  }
  if (needs_gradient &&
      c10::GradMode::is_enabled()) {  // a backend without kernels has the composite in this place
    return handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::AutogradIPU), stack);
  }
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  handle.callBoxed(stack);
}

namespace {
struct Layout {
  const char* name;
  const char* advice;
};

Layout layout_of(const std::string& op, c10::DispatchKeySet keys) {
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
  const Layout layout = layout_of(op, keys);
  TORCH_CHECK_NOT_IMPLEMENTED(false, "the simulated device has no ", layout.name, " tensors, and ",
                              op, " takes or makes one: its kernels work on strided memory. ",
                              layout.advice);
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
