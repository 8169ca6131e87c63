// What the allocator counts, per device. The names are c10::CachingDeviceAllocator's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "../types.h"

namespace mtia::sim {

struct Stat {
  int64_t current = 0;
  int64_t peak = 0;
  int64_t allocated = 0;  // all that was ever added
  int64_t freed = 0;      // and taken away

  void add(int64_t amount) {
    current += amount;
    allocated += amount;
    peak = std::max(peak, current);
  }
  void remove(int64_t amount) {
    current -= amount;
    freed += amount;
  }
};

// One figure: over all blocks, those of small segments, those of large ones.
struct Gauge {
  Stat all, small, large;

  void add(bool is_small, int64_t amount) {
    all.add(amount);
    (is_small ? small : large).add(amount);
  }
  void remove(bool is_small, int64_t amount) {
    all.remove(amount);
    (is_small ? small : large).remove(amount);
  }
};

struct MemoryStats {
  Gauge allocation;            // blocks allocated
  Gauge segment;               // segments obtained from the device
  Gauge active;                // blocks allocated, or freed and still used by another stream
  Gauge inactive_split;        // cached blocks that are a part of a segment
  Gauge allocated_bytes;       // the same four in bytes
  Gauge reserved_bytes;        //
  Gauge active_bytes;          //
  Gauge inactive_split_bytes;  //
  Gauge requested_bytes;       // of the blocks allocated, before rounding

  int64_t retries = 0;           // times the caches were emptied since nothing was left
  int64_t out_of_memory = 0;     // times that did not help
  int64_t synchronizations = 0;  // times the device was waited for, to empty the caches
  int64_t segments_obtained = 0;
  int64_t segments_returned = 0;

  void reset_peaks();
  void reset_accumulated();
};

constexpr std::array<Gauge MemoryStats::*, 9> kGauges{
    &MemoryStats::allocation,      &MemoryStats::segment,
    &MemoryStats::active,          &MemoryStats::inactive_split,
    &MemoryStats::allocated_bytes, &MemoryStats::reserved_bytes,
    &MemoryStats::active_bytes,    &MemoryStats::inactive_split_bytes,
    &MemoryStats::requested_bytes};

MemoryStats memory_stats(int device);
void reset_peak_memory_stats(int device);
void reset_accumulated_memory_stats(int device);
size_t memory_capacity(int device);  // bytes

}  // namespace mtia::sim
