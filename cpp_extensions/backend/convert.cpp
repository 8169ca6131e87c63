#include "convert.h"

namespace mtia::backend {

namespace {
void check_type(const c10::Device& device, const char* what) {
  if (device.type() != c10::DeviceType::MTIA) {
    throw sim::Error(
        std::string("expected ") + what + " of an mtia device, but got one of " + device.str() +
        ". The simulated devices are mtia:0 to mtia:" + std::to_string(sim::device_count() - 1));
  }
}
}  // namespace

int to_index(const c10::Device& device) {
  check_type(device, "an index");
  return device.index();
}

int index_or_current(c10::DeviceIndex index) { return index == -1 ? sim::current_device() : index; }

int to_index_or_current(const c10::Device& device) {
  check_type(device, "an index");
  return index_or_current(device.index());
}

sim::StreamRef to_ref(const c10::Stream& stream) {
  check_type(stream.device(), "a stream");
  return {stream.device_index(), stream.id()};
}

}  // namespace mtia::backend
