// OutOfMemory: thrown when nothing is left after the caches were given back.
#pragma once

#include <cstddef>
#include <functional>

#include "stats.h"

namespace mtia::sim {

struct OutOfMemory : Error {
  OutOfMemory(int device, size_t asked, size_t total, const MemoryStats& stats);
  int device;
  size_t asked;  // bytes
  size_t total;  // the device's capacity
  size_t free;   // of it, not reserved by the allocator
};

// Called before OutOfMemory is thrown, without a lock. Never taken away.
void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer);
void notify_out_of_memory(const OutOfMemory& error);

}  // namespace mtia::sim
