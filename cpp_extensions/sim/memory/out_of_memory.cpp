#include "out_of_memory.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "../internal/simulator.h"

namespace mtia::sim {

namespace {
// Guarded by the simulator's mutex.
auto& observers = never_deleted<std::vector<std::function<void(const OutOfMemory&)>>>();

int64_t not_reserved(size_t total, const MemoryStats& stats) {
  return std::max<int64_t>(static_cast<int64_t>(total) - stats.reserved_bytes.all.current, 0);
}

std::string out_of_memory_text(int device, size_t asked, size_t total, const MemoryStats& stats) {
  return str("out of memory: mtia:", device, " cannot allocate ", std::to_string(asked),
             " bytes. Of its ", total, " bytes, ", not_reserved(total, stats), " are free and ",
             stats.reserved_bytes.all.current, " are reserved");
}
}  // namespace

OutOfMemory::OutOfMemory(int device, size_t asked, size_t total, const MemoryStats& stats)
    : Error(out_of_memory_text(device, asked, total, stats)),
      device(device),
      asked(static_cast<int64_t>(asked)),
      total(static_cast<int64_t>(total)),
      reserved(stats.reserved_bytes.all.current),
      free(not_reserved(total, stats)),
      allocated(stats.allocated_bytes.all.current),
      waiting(stats.active_bytes.all.current - allocated),
      cached(reserved - allocated - waiting) {}

void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer) {
  Lock lock;
  observers.push_back(std::move(observer));
}

void notify_out_of_memory(const OutOfMemory& error) {
  Lock lock;
  const auto notified = observers;
  lock.unlock();
  for (const auto& observer : notified) {
    observer(error);
  }
}

}  // namespace mtia::sim
