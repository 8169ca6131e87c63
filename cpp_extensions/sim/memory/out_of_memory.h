// OutOfMemory: thrown when nothing is left after the caches were given back.
#pragma once

#include <cstddef>
#include <functional>

#include "stats.h"

namespace mtia::sim {

struct OutOfMemory : Error {
  OutOfMemory(int device, size_t asked, size_t total, const MemoryStats& stats);
  int device;
  int64_t asked;      // bytes, and so are all
  int64_t total;      // the device's capacity
  int64_t reserved;   // of it, by the allocator
  int64_t free;       // the rest
  int64_t allocated;  // of what is reserved
  int64_t waiting;    // freed, but still used by other streams
  int64_t cached;     // the rest
};

// Called before OutOfMemory is thrown, without a lock. Never taken away.
void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer);
void notify_out_of_memory(const OutOfMemory& error);

}  // namespace mtia::sim
