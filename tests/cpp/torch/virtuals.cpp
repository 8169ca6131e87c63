// The virtuals of guard and hooks that no function of PyTorch's Python calls, for ctypes.
#include <ATen/detail/MTIAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdio>

namespace {

const c10::impl::DeviceGuardImplInterface& guard() {
  return *c10::impl::getDeviceGuardImpl(c10::DeviceType::MTIA);
}

const at::MTIAHooksInterface& hooks() { return at::detail::getMTIAHooks(); }

c10::Device device(int index) {
  return c10::Device(c10::DeviceType::MTIA, static_cast<c10::DeviceIndex>(index));
}

// What `body` returns; -1000 if it throws, with the message in last_error().
char message[1024];
template <typename Body>
long guarded(const Body& body) {
  try {
    return static_cast<long>(body());
  } catch (const std::exception& error) {
    std::snprintf(message, sizeof message, "%s", error.what());
    return -1000;
  }
}

}  // namespace

extern "C" {

const char* last_error() { return message; }

long default_stream(int index) {
  return guarded([&] { return guard().getDefaultStream(device(index)).id(); });
}
long pool_stream(int index, bool high_priority) {
  return guarded(
      [&] { return guard().getStreamFromGlobalPool(device(index), high_priority).id(); });
}
long guard_device_count() {
  return guarded([] { return guard().deviceCount(); });
}
void unchecked_set_device(int index) { guard().uncheckedSetDevice(device(index)); }
void destroy_event(long event) { guard().destroyEvent(reinterpret_cast<void*>(event), 0); }
long record_with_an_unknown_flag() {
  void* event = nullptr;
  return guarded([&] {
    guard().record(&event, guard().getStream(device(0)), -1, c10::EventFlag::INVALID);
    return 0;
  });
}

// On `device`, recorded on a stream through allocator and guard; which device the hooks say it is.
long device_of_new_memory_used_on_a_stream(int index) {
  return guarded([&] {
    c10::DeviceGuard current(device(index));
    auto* allocator = c10::getDeviceAllocator(c10::DeviceType::MTIA);
    const c10::DataPtr data = allocator->allocate(512);
    const c10::Stream stream = guard().getNewStream(device(index), 0);
    guard().recordDataPtrOnStream(data, stream);
    allocator->recordStream(data, stream);
    return hooks().getDeviceFromPtr(data.get()).index();
  });
}

void init() { hooks().init(); }  // Python's way in goes there only once a process
long has_primary_context(int index) {
  return guarded([&] { return hooks().hasPrimaryContext(static_cast<c10::DeviceIndex>(index)); });
}
long get_device_count() {
  return guarded([] { return hooks().getDeviceCount(); });
}
long is_built() {
  return guarded([] { return hooks().isBuilt(); });
}
long is_available() {
  return guarded([] { return hooks().isAvailable(); });
}
long hooks_exchange_device(int index) {
  return guarded([&] { return hooks().exchangeDevice(static_cast<c10::DeviceIndex>(index)); });
}
const char* show_config() {
  static std::string text;
  text = hooks().showConfig();
  return text.c_str();
}
}
