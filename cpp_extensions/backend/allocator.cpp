#include "allocator.h"

#include <c10/util/Exception.h>

#include <cstring>

#include "../sim/memory/addresses.h"
#include "../sim/memory/allocator.h"
#include "../sim/memory/out_of_memory.h"
#include "../sim/memory/stats.h"
#include "convert.h"
#include "memory_stats.h"
#include "trace.h"

namespace mtia::backend {

namespace {
// Allocations and frees are in the log as such; all else as calls.
template <typename Body, typename... Args>
auto logged(const char* name, const Body& body, const Args&... args) {
  return traced("allocator", name, body, args...);
}
}  // namespace

at::DataPtr allocate(int device, size_t bytes) {
  try {
    void* address = sim::allocate(device, sim::current_stream(device), bytes);
    return {address, address, sim::free, to_device(device)};
  } catch (const sim::OutOfMemory& error) {
    TORCH_CHECK_WITH(OutOfMemoryError, false, error.what());
  }
}

// Contract: memory on this thread's current device.
c10::DataPtr MTIAAllocator::allocate(size_t bytes) {
  return backend::allocate(sim::current_device(), bytes);
}

// Contract: what frees an address that allocate returned.
c10::DeleterFnPtr MTIAAllocator::raw_deleter() const { return sim::free; }

// Contract: copy between two of our own blocks, both of which the caller may use at once. The host
// does it, so it waits for what the current streams of both devices still have to do.
void MTIAAllocator::copy_data(void* to, const void* from, size_t bytes) const {
  for (const void* address : {from, static_cast<const void*>(to)}) {
    sim::synchronize_stream(sim::current_stream(sim::device_of(address)));
  }
  std::memcpy(to, from, bytes);
}

// Contract: whether memory can be asked for. It can, at any time after loading.
bool MTIAAllocator::initialized() { return true; }

// Contract: give unused memory back to the device, so that others may have it.
void MTIAAllocator::emptyCache(c10::MempoolId_t) {
  logged("emptyCache", [] { sim::empty_cache(); });
}

// Contract: do not reuse the block before what `stream` has been given by the time of its free.
void MTIAAllocator::recordStream(const c10::DataPtr& data, c10::Stream stream) {
  logged("recordStream", [&] { sim::record_use(data.get(), to_ref(stream)); }, stream);
}

// Contract: figures about one device.
c10::CachingDeviceAllocator::DeviceStats MTIAAllocator::getDeviceStats(c10::DeviceIndex index) {
  c10::CachingDeviceAllocator::DeviceStats stats;
  logged("getDeviceStats", [&] { stats = device_stats(index); }, index);
  return stats;
}

// Contract: count what was allocated and freed in all from 0 again.
void MTIAAllocator::resetAccumulatedStats(c10::DeviceIndex index) {
  logged("resetAccumulatedStats", [&] { sim::reset_accumulated_memory_stats(index); }, index);
}

// Contract: let peaks start from where the figures are now.
void MTIAAllocator::resetPeakStats(c10::DeviceIndex index) {
  logged("resetPeakStats", [&] { sim::reset_peak_memory_stats(index); }, index);
}

// Contract: bytes free and bytes in all, as the device itself sees it: cached memory is not free.
std::pair<size_t, size_t> MTIAAllocator::getMemoryInfo(c10::DeviceIndex index) {
  std::pair<size_t, size_t> free_and_total;
  logged("getMemoryInfo", [&] { free_and_total = memory_info(index); }, index);
  return free_and_total;
}

MTIAAllocator& allocator() {
  static auto* const instance = new MTIAAllocator;  // never deleted: tensors may outlive all else
  return *instance;
}

}  // namespace mtia::backend
