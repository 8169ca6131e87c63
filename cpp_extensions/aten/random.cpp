#include "random.h"

#include "../backend/convert.h"

namespace mtia::aten {

c10::Device filled_device(const Call& call) {
  c10::Device device = c10::DeviceType::CPU;
  for (const c10::IValue& value : call.arguments) {
    device = value.isDevice() ? value.toDevice() : device;
  }
  for (const auto& [tensor, argument] : call.tensors) {
    device = device.is_mtia() ? device : tensor->device();
  }
  return device.is_mtia() ? backend::to_device(call.device) : device;
}

void check_generator(const Call& call) {
  if (call.op.generator == kFresh || !call.arguments[call.op.generator].isGenerator()) {
    return;
  }
  constexpr const char* kAdvice = ". A kernel draws where it runs: make it with torch.Generator('";
  const c10::Device wanted = backend::to_device(call.device);
  const c10::Device found = call.arguments[call.op.generator].toGenerator().device();
  TORCH_CHECK(found == wanted || *call.op.name != "randperm", "Expected a '", wanted,
              "' generator device but found '", found, "'", kAdvice, wanted, "')");
  TORCH_CHECK(found.is_mtia(), "Expected a 'mtia' device type for generator but found '",
              found.type(), "'", kAdvice, "mtia')");
}

std::shared_ptr<backend::Sequence> sequence_for(const Call& call) {
  if (!call.op.random) {
    return nullptr;
  }
  for (const c10::IValue& value : call.arguments) {
    if (value.isGenerator()) {
      return backend::sequence_of(value.toGenerator(), call.device);
    }
  }
  return backend::sequence_of(std::nullopt, call.device);
}

}  // namespace mtia::aten
