// Between c10's values and the simulator's. The simulator checks ranges; these check types.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include "../sim/runtime.h"

namespace mtia::backend {

inline c10::Device to_device(int index) {
  return c10::Device(c10::DeviceType::MTIA, static_cast<c10::DeviceIndex>(index));
}

inline c10::Stream to_stream(sim::StreamRef ref) {
  return c10::Stream(c10::Stream::UNSAFE, to_device(ref.device), ref.id);
}

// Throws sim::Error if `device`, which `what` is of, is no MTIA device.
inline void check_type(const c10::Device& device, const char* what) {
  if (device.type() != c10::DeviceType::MTIA) {
    throw sim::Error(
        std::string("expected ") + what + " of an mtia device, but got one of " + device.str() +
        ". The simulated devices are mtia:0 to mtia:" + std::to_string(sim::device_count() - 1));
  }
}

// Index -1 stays -1.
inline int to_index(const c10::Device& device) {
  check_type(device, "an index");
  return device.index();
}

// The same, with -1 standing for the current device, as in torch.Stream("mtia").
inline int index_or_current(c10::DeviceIndex index) {
  return index == -1 ? sim::current_device() : index;
}
inline int to_index_or_current(const c10::Device& device) {
  return index_or_current(static_cast<c10::DeviceIndex>(to_index(device)));
}

inline sim::StreamRef to_ref(const c10::Stream& stream) {
  check_type(stream.device(), "a stream");
  return {stream.device_index(), stream.id()};
}

// An event's opaque handle is its id: no address, so the same in every run.
inline sim::EventId to_id(const void* event) { return reinterpret_cast<sim::EventId>(event); }
inline void* to_handle(sim::EventId id) { return reinterpret_cast<void*>(id); }

}  // namespace mtia::backend
