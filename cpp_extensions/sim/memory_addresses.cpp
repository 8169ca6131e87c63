// Which device an address belongs to. Needs no lock: a range, once reserved, stays.
#include <array>
#include <atomic>

#include "memory_device.h"
#include "synchronize.h"

namespace mtia::sim {

namespace {
std::array<DeviceMemory*, kMaxDevices> memories;  // never deleted: tensors are freed until the end
std::array<std::atomic<char*>, kMaxDevices> bases;
}  // namespace

DeviceMemory* memory_if_used(int device) { return memories[device]; }

DeviceMemory& memory_of(int device) {
  DeviceMemory*& memory = memories[device];
  if (memory == nullptr) {
    memory = new DeviceMemory(device);
    bases[device] = memory->base();
  }
  return *memory;
}

int device_of(const void* address) noexcept {
  for (int device = 0; address != nullptr && device < kMaxDevices; ++device) {
    const char* base = bases[device].load(std::memory_order_relaxed);
    if (base != nullptr && address >= base && address < base + kRange) {
      return device;
    }
  }
  return -1;
}

bool owns(const void* address) noexcept { return device_of(address) >= 0; }

int64_t offset_of(const void* address) noexcept {
  const int device = device_of(address);
  return device < 0 ? -1 : static_cast<const char*>(address) - bases[device].load();
}

// These two only look, so they may be asked anywhere, also in an effect.
Recording newest_recording(StreamRef stream) {
  check_stream(stream);
  Lock lock(simulator().mutex);
  return newest(stream_at(stream));
}

bool is_complete(const Recording& recording) {
  check_stream(recording.stream);
  Lock lock(simulator().mutex);
  return has_run(recording);
}

}  // namespace mtia::sim
