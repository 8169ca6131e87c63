#include "guard.h"

#include <c10/core/Allocator.h>

#include "../sim/graph/graph.h"
#include "../sim/memory/allocator.h"
#include "call_log.h"
#include "convert.h"

namespace mtia::backend {

namespace {
template <typename Body, typename... Args>
auto guard(const char* name, const Body& body, const Args&... args) {
  return logged("guard", name, body, args...);
}
}  // namespace

// --- Devices ------------------------------------------------------------------------------------

// [guard.exchange_device]
// Contract: make `device` current on this thread; return the one that was.
c10::Device MTIAGuardImpl::exchangeDevice(c10::Device device) const {
  return guard(
      "exchangeDevice", [&] { return to_device(sim::exchange_device(to_index(device))); }, device);
}

// [guard.get_device]
// Contract: this thread's current device.
c10::Device MTIAGuardImpl::getDevice() const {
  return guard("getDevice", [&] { return to_device(sim::current_device()); });
}

// [guard.set_device]
// Contract: make `device` current on this thread, or throw and change nothing.
void MTIAGuardImpl::setDevice(c10::Device device) const {
  guard("setDevice", [&] { sim::set_device(to_index(device)); }, device);
}

// [guard.unchecked_set_device]
// Contract: as setDevice, for destructors: never throws, but really sets.
void MTIAGuardImpl::uncheckedSetDevice(c10::Device device) const noexcept {
  guard("uncheckedSetDevice", [&] { sim::set_device_if_valid(device.index()); }, device);
}

// [guard.device_count]
// Contract: how many devices there are; never throws.
c10::DeviceIndex MTIAGuardImpl::deviceCount() const noexcept {
  return guard("deviceCount", [&] { return static_cast<c10::DeviceIndex>(sim::device_count()); });
}

// Contract: the dtypes the device can hold and convert. Kernels are CPU kernels, so all but those
// that PyTorch cannot copy on the CPU (pieces of a byte) and quantized ones.
c10::DeviceCapability MTIAGuardImpl::getDeviceCapability(c10::Device device) const {
  guard("getDeviceCapability", [&] { sim::checked_device(to_index_or_current(device)); }, device);
  c10::DeviceCapability capability;
  const auto lacks = [&](c10::ScalarType type) {
    const auto among = [&](c10::ScalarType first, c10::ScalarType last) {
      return first <= type && type <= last;
    };
    return c10::isQIntType(type) || c10::isBitsType(type) ||
           among(c10::ScalarType::UInt1, c10::ScalarType::UInt7) ||
           among(c10::ScalarType::Int1, c10::ScalarType::Int7) ||
           type == c10::ScalarType::Float4_e2m1fn_x2;
  };
  for (size_t i = 0; i < c10::NUMBER_OF_DEVICE_CAPABILITIES; ++i) {
    if (lacks(static_cast<c10::ScalarType>(i))) {
      capability.capability_data.capability_bits &= ~(uint64_t{1} << i);
    }
  }
  return capability;
}

// --- Streams ------------------------------------------------------------------------------------

// [guard.get_stream]
// Contract: this thread's current stream on `device`.
c10::Stream MTIAGuardImpl::getStream(c10::Device device) const {
  return guard(
      "getStream", [&] { return to_stream(sim::current_stream(to_index_or_current(device))); },
      device);
}

// Contract: the stream with id 0, whatever is current.
c10::Stream MTIAGuardImpl::getDefaultStream(c10::Device device) const {
  return guard(
      "getDefaultStream",
      [&] { return to_stream({sim::checked_device(to_index_or_current(device)), 0}); }, device);
}

// [guard.get_new_stream]
// Contract: a stream of its own, not current anywhere. Index -1 means the current device.
c10::Stream MTIAGuardImpl::getNewStream(c10::Device device, int priority) const {
  return guard(
      "getNewStream",
      [&] { return to_stream(sim::new_stream(to_index_or_current(device), priority)); }, device,
      priority);
}

// Contract: a stream shared with others who ask, from a pool for each priority.
c10::Stream MTIAGuardImpl::getStreamFromGlobalPool(c10::Device device, bool high_priority) const {
  return guard(
      "getStreamFromGlobalPool",
      [&] { return to_stream(sim::pool_stream(to_index_or_current(device), high_priority)); },
      device, high_priority);
}

// [guard.exchange_stream]
// Contract: make `stream` current for its device on this thread; return that device's previous
// one. The current device stays: whoever wants both calls setDevice too.
c10::Stream MTIAGuardImpl::exchangeStream(c10::Stream stream) const {
  return guard(
      "exchangeStream", [&] { return to_stream(sim::exchange_stream(to_ref(stream))); }, stream);
}

// [guard.query_stream]
// Contract: whether all work enqueued on `stream` so far has completed. Does not wait.
bool MTIAGuardImpl::queryStream(const c10::Stream& stream) const {
  return guard("queryStream", [&] { return sim::query_stream(to_ref(stream)); }, stream);
}

// [guard.synchronize_stream]
// Contract: return once all work enqueued on `stream` so far has completed.
void MTIAGuardImpl::synchronizeStream(const c10::Stream& stream) const {
  guard("synchronizeStream", [&] { sim::synchronize_stream(to_ref(stream)); }, stream);
}

// [guard.synchronize_device]
// Contract: return once all work enqueued on every stream of the device has completed.
void MTIAGuardImpl::synchronizeDevice(c10::DeviceIndex index) const {
  guard("synchronizeDevice", [&] { sim::synchronize_device(index_or_current(index)); }, index);
}

// Contract: an opaque handle that differs between this backend's streams. No memory stands behind
// it.
void* MTIAGuardImpl::getStreamNativeHandle(const c10::Stream stream) const {
  return guard(
      "getStreamNativeHandle",
      [&] { return reinterpret_cast<void*>(sim::native_handle(to_ref(stream))); }, stream);
}

// [guard.is_stream_capturing]
// Contract: whether launches on `stream` are being captured into a graph instead of run.
bool MTIAGuardImpl::isStreamCapturing(const c10::Stream& stream) const {
  return guard("isStreamCapturing", [&] { return sim::is_capturing(to_ref(stream)); }, stream);
}

// --- Memory -------------------------------------------------------------------------------------

// Contract: what DeviceAllocator::recordStream does, for code that has a guard at hand.
void MTIAGuardImpl::recordDataPtrOnStream(const c10::DataPtr& data,
                                          const c10::Stream& stream) const {
  guard("recordDataPtrOnStream", [&] { sim::record_use(data.get(), to_ref(stream)); }, stream);
}

// --- Events -------------------------------------------------------------------------------------

// [guard.record]
// Contract: a new version of the event, reached when `stream` gets there. *event is null until
// the first record, which makes the event; device_index is then -1, later the event's device.
void MTIAGuardImpl::record(void** event, const c10::Stream& stream, c10::DeviceIndex,
                           c10::EventFlag flag) const {
  if (flag == c10::EventFlag::INVALID) {
    throw sim::Error("unknown event flag: use PYTORCH_DEFAULT, or BACKEND_DEFAULT for timing");
  }
  const bool timing = flag == c10::EventFlag::BACKEND_DEFAULT;
  const EventHandle handle = guard(
      "record", [&] { return EventHandle{sim::record(to_id(*event), to_ref(stream), timing)}; },
      EventHandle{to_id(*event)}, stream);
  *event = to_handle(handle.id);
}

// [guard.block]
// Contract: later work on `stream` waits for the version the event has now. A null handle is an
// event that was never recorded: nothing waits for it, and it is complete.
void MTIAGuardImpl::block(void* event, const c10::Stream& stream) const {
  guard(
      "block",
      [&] {
        if (event != nullptr) {
          sim::wait(to_id(event), to_ref(stream));
        }
      },
      EventHandle{to_id(event)}, stream);
}

// [guard.query_event]
// Contract: whether the newest version has been reached. Does not wait.
bool MTIAGuardImpl::queryEvent(void* event) const {
  return guard(
      "queryEvent", [&] { return event == nullptr || sim::query_event(to_id(event)); },
      EventHandle{to_id(event)});
}

// [guard.synchronize_event]
// Contract: return once the newest version has been reached.
void MTIAGuardImpl::synchronizeEvent(void* event) const {
  guard(
      "synchronizeEvent",
      [&] {
        if (event != nullptr) {
          sim::synchronize_event(to_id(event));
        }
      },
      EventHandle{to_id(event)});
}

// [guard.elapsed_time]
// Contract: milliseconds from one completed event to another.
double MTIAGuardImpl::elapsedTime(void* from, void* to, c10::DeviceIndex) const {
  return guard(
      "elapsedTime", [&] { return sim::elapsed_ms(to_id(from), to_id(to)); },
      EventHandle{to_id(from)}, EventHandle{to_id(to)});
}

// [guard.destroy_event]
// Contract: forget the event, never throwing. Waits that are bound to it stay.
void MTIAGuardImpl::destroyEvent(void* event, c10::DeviceIndex) const noexcept {
  guard("destroyEvent", [&] { sim::destroy_event(to_id(event)); }, EventHandle{to_id(event)});
}

}  // namespace mtia::backend
