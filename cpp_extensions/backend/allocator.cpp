#include "allocator.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>

#include "../sim/memory/addresses.h"
#include "../sim/memory/allocator.h"
#include "../sim/memory/out_of_memory.h"
#include "../sim/memory/protection.h"
#include "../sim/memory/stats.h"
#include "call_log.h"
#include "convert.h"
#include "words.h"

namespace mtia::backend {

namespace {
c10::CachingAllocator::Stat to_stat(const sim::Stat& from) {
  c10::CachingAllocator::Stat stat;
  stat.current = from.current;
  stat.peak = from.peak;
  stat.allocated = from.allocated;
  stat.freed = from.freed;
  return stat;
}

// In the order of c10::CachingAllocator::StatType.
c10::CachingAllocator::StatArray to_stats(const sim::Gauge& gauge) {
  return {to_stat(gauge.all), to_stat(gauge.small), to_stat(gauge.large)};
}

c10::CachingDeviceAllocator::DeviceStats device_stats(int device) {
  const sim::MemoryStats from = sim::memory_stats(device);
  c10::CachingDeviceAllocator::DeviceStats stats;
  stats.allocation = to_stats(from.allocation);
  stats.segment = to_stats(from.segment);
  stats.active = to_stats(from.active);
  stats.inactive_split = to_stats(from.inactive_split);
  stats.allocated_bytes = to_stats(from.allocated_bytes);
  stats.reserved_bytes = to_stats(from.reserved_bytes);
  stats.active_bytes = to_stats(from.active_bytes);
  stats.inactive_split_bytes = to_stats(from.inactive_split_bytes);
  stats.requested_bytes = to_stats(from.requested_bytes);
  stats.num_alloc_retries = from.retries;
  stats.num_ooms = from.out_of_memory;
  stats.num_sync_all_streams = from.synchronizations;
  stats.num_device_alloc = from.segments_obtained;
  stats.num_device_free = from.segments_returned;
  return stats;
}

// Bytes free and bytes in all.
std::pair<size_t, size_t> memory_info(int device) {
  const size_t total = sim::memory_capacity(device);
  const auto reserved = static_cast<size_t>(sim::memory_stats(device).reserved_bytes.all.current);
  return {total - std::min(total, reserved), total};
}

// Allocations and frees are in the log as such; all else as calls.
template <typename Body, typename... Args>
auto in_log(const char* name, const Body& body, const Args&... args) {
  return logged("allocator", name, body, args...);
}
}  // namespace

at::DataPtr allocate(int device, size_t bytes) {
  try {
    void* address = sim::allocate(device, sim::current_stream(device), bytes);
    return {address, address, sim::free, to_device(device)};
  } catch (const sim::OutOfMemory& error) {
    TORCH_CHECK_WITH(OutOfMemoryError, false, out_of_memory(error));
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
  const sim::OpenMemory open;
  std::memcpy(to, from, bytes);
}

// Contract: whether memory can be asked for. It can, at any time after loading.
bool MTIAAllocator::initialized() { return true; }

// Contract: give unused memory back to the device, so that others may have it.
void MTIAAllocator::emptyCache(c10::MempoolId_t) {
  in_log("emptyCache", [] { sim::empty_cache(); });
}

// Contract: do not reuse the block before what `stream` has been given by the time of its free.
void MTIAAllocator::recordStream(const c10::DataPtr& data, c10::Stream stream) {
  in_log("recordStream", [&] { sim::record_use(data.get(), to_ref(stream)); }, stream);
}

// Contract: figures about one device.
c10::CachingDeviceAllocator::DeviceStats MTIAAllocator::getDeviceStats(c10::DeviceIndex index) {
  c10::CachingDeviceAllocator::DeviceStats stats;
  in_log("getDeviceStats", [&] { stats = device_stats(index); }, index);
  return stats;
}

// Contract: count what was allocated and freed in all from 0 again.
void MTIAAllocator::resetAccumulatedStats(c10::DeviceIndex index) {
  in_log("resetAccumulatedStats", [&] { sim::reset_accumulated_memory_stats(index); }, index);
}

// Contract: let peaks start from where the figures are now.
void MTIAAllocator::resetPeakStats(c10::DeviceIndex index) {
  in_log("resetPeakStats", [&] { sim::reset_peak_memory_stats(index); }, index);
}

// Contract: bytes free and bytes in all, as the device itself sees it: cached memory is not free.
std::pair<size_t, size_t> MTIAAllocator::getMemoryInfo(c10::DeviceIndex index) {
  std::pair<size_t, size_t> free_and_total;
  in_log("getMemoryInfo", [&] { free_and_total = memory_info(index); }, index);
  return free_and_total;
}

MTIAAllocator& allocator() {
  static auto* const instance = new MTIAAllocator;  // never deleted: tensors may outlive all else
  return *instance;
}

}  // namespace mtia::backend
