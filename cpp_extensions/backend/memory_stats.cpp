#include "memory_stats.h"

#include <algorithm>

#include "../sim/memory/stats.h"
#include "python.h"

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
}  // namespace

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

std::pair<size_t, size_t> memory_info(int device) {
  const size_t total = sim::memory_capacity(device);
  const auto reserved = static_cast<size_t>(sim::memory_stats(device).reserved_bytes.all.current);
  return {total - std::min(total, reserved), total};
}

PyObject* memory_stats_dict(int device) {
  const sim::MemoryStats stats = sim::memory_stats(device);
  const auto number = [](int64_t value) { return static_cast<long long>(value); };
  return or_throw(Py_BuildValue("{s:{s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L}}",
                                "dram",                                                        //
                                "allocated_bytes", number(stats.allocated_bytes.all.current),  //
                                "peak_bytes", number(stats.allocated_bytes.all.peak),          //
                                "reserved_bytes", number(stats.reserved_bytes.all.current),    //
                                "peak_reserved_bytes", number(stats.reserved_bytes.all.peak),  //
                                "active_bytes", number(stats.active_bytes.all.current),        //
                                "requested_bytes", number(stats.requested_bytes.all.current),  //
                                "total_bytes",
                                number(static_cast<int64_t>(sim::memory_capacity(device))),  //
                                "num_allocs", number(stats.allocation.all.allocated),        //
                                "num_frees", number(stats.allocation.all.freed),             //
                                "num_ooms", number(stats.out_of_memory)))
      .release();
}

}  // namespace mtia::backend
