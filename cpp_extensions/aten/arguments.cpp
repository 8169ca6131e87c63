#include "arguments.h"

#include "../backend/convert.h"

namespace mtia::aten {

namespace {
template <typename Visit>
void for_each_tensor(const c10::IValue& value, const Visit& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) {
      visit(value.toTensor());
    }
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) {
      if (!element.isTensor() && !element.isNone()) {
        return;  // a list of something else
      }
      for_each_tensor(element, visit);
    }
  }
}

}  // namespace

Call::Call(const Operator& called, torch::jit::Stack& values)
    : op(called),
      stack(values),
      arguments(torch::jit::last(values, called.handle.schema().arguments().size())) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    for_each_tensor(arguments[i], [&](const at::Tensor& tensor) {
      tensors.push_back({&tensor, static_cast<int>(i)});
      if (device < 0 && tensor.is_mtia()) {
        device = tensor.get_device();
      }
    });
  }
  for (const c10::IValue& value : arguments) {
    if (device < 0 && value.isDevice() && value.toDevice().is_mtia()) {
      device = backend::to_index_or_current(value.toDevice());
    }
  }
  device = sim::checked_device(device < 0 ? sim::current_device() : device);
}

void Call::replace_arguments(at::ArrayRef<c10::IValue> results) {
  const size_t count = arguments.size();
  stack.erase(stack.end() - static_cast<std::ptrdiff_t>(count), stack.end());
  stack.insert(stack.end(), results.begin(), results.end());
}

bool is_host_scalar(const at::Tensor& tensor) { return tensor.is_cpu() && tensor.dim() == 0; }

void check_same_device(const Call& call) {
  const c10::Device device = backend::to_device(call.device);
  for (const auto& [tensor, argument] : call.tensors) {
    TORCH_CHECK_NOT_IMPLEMENTED(
        tensor->layout() == c10::kStrided, "the simulated device has no ", tensor->layout(),
        " tensors, but argument ", argument + 1, " of ", *call.op.full_name,
        " is one: its kernels work on strided memory. Compute on the dense tensor (to_dense()), or "
        "on the CPU");
    if (tensor->device() == device || is_host_scalar(*tensor)) {
      continue;
    }
    TORCH_CHECK(false, "Expected all tensors to be on the same device, but found at least two ",
                "devices, ", device, " and ", tensor->device(), "! (when checking argument '",
                call.op.handle.schema().arguments()[argument].name(), "' of ", *call.op.full_name,
                ". Move it with .to('", device, "'))");
  }
}

std::string describe(const c10::IValue& value) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) {
      return "None";
    }
    std::ostringstream text;
    text << c10::getDtypeNames(tensor.scalar_type()).first << tensor.sizes();
    return text.str();
  }
  std::ostringstream text;
  if (value.isList()) {
    text << '[' << describe(value.toListRef()) << ']';
  } else if (value.isGenerator()) {
    text << "generator";  // printed, it would show an address
  } else {
    text << value;
  }
  return text.str();
}
std::string describe(at::ArrayRef<c10::IValue> arguments) {
  std::string text;
  for (const c10::IValue& value : arguments) {
    text += (text.empty() ? "" : ", ") + describe(value);
  }
  return text;
}

}  // namespace mtia::aten
