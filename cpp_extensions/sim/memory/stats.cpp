#include "stats.h"

#include "../host_thread.h"
#include "internal/device_memory.h"

namespace mtia::sim {

namespace {
template <typename Reset>
void for_each_stat(MemoryStats& stats, const Reset& reset) {
  for (Gauge MemoryStats::* gauge : kGauges) {
    for (Stat* stat : {&(stats.*gauge).all, &(stats.*gauge).small, &(stats.*gauge).large}) {
      reset(*stat);
    }
  }
}
}  // namespace

void MemoryStats::reset_peaks() {
  for_each_stat(*this, [](Stat& stat) { stat.peak = stat.current; });
}

void MemoryStats::reset_accumulated() {
  for_each_stat(*this, [](Stat& stat) { stat.allocated = stat.freed = 0; });
  retries = out_of_memory = synchronizations = segments_obtained = segments_returned = 0;
}

namespace {
// These only read and write figures, so they may be called anywhere, also in an effect.
template <typename Use>
auto with_stats(int device, const Use& use) {
  checked_device(device);
  Lock lock;
  DeviceMemory* memory = memory_if_used(lock, device);
  MemoryStats unused;
  return use(memory != nullptr ? memory->stats : unused);
}
}  // namespace

MemoryStats memory_stats(int device) {
  return with_stats(device, [](const MemoryStats& stats) { return stats; });
}

void reset_peak_memory_stats(int device) {
  with_stats(device, [](MemoryStats& stats) { stats.reset_peaks(); });
}

void reset_accumulated_memory_stats(int device) {
  with_stats(device, [](MemoryStats& stats) { stats.reset_accumulated(); });
}

size_t memory_capacity(int device) {
  checked_device(device);
  Lock lock;
  return static_cast<size_t>(lock->profile.memory_bytes);
}

}  // namespace mtia::sim
