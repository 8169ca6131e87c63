#include "out_of_memory.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "../internal/simulator.h"
#include "addresses.h"

namespace mtia::sim {

namespace {
std::vector<std::function<void(const OutOfMemory&)>> observers;

std::string readable(int64_t bytes) {
  static const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(static_cast<uint64_t>(bytes));
  int unit = 0;
  for (; amount >= 1024; ++unit) {
    amount /= 1024;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", amount, units[unit]);
  return text;
}

int64_t not_reserved(int64_t total, const MemoryStats& stats) {
  return std::max<int64_t>(total - stats.reserved_bytes.all.current, 0);
}

// What the figures say is the matter.
std::string advice(int64_t asked, int64_t total, int64_t free, int64_t cached) {
  if (asked < 0 || asked > total) {
    return "No more than its capacity can ever be allocated: work on smaller pieces";
  }
  if (asked <= free + cached) {
    return "Together that would do, but it is in pieces: cached memory can only be used again by "
           "the stream it was allocated on, and only be given back in whole segments, of which "
           "no part is in use. Allocate large tensors first, and let tensors that live long not "
           "come in between; torch.mtia.snapshot() shows the segments";
  }
  return "Let go of tensors (del x), work on smaller batches, or see which line holds the memory: "
         "call torch.mtia.record_memory_history() first and torch.mtia.snapshot() here";
}

std::string out_of_memory_text(int device, int64_t asked, int64_t total, const MemoryStats& stats) {
  const int64_t reserved = stats.reserved_bytes.all.current;
  const int64_t allocated = stats.allocated_bytes.all.current;
  const int64_t waiting = stats.active_bytes.all.current - allocated;
  const int64_t cached = reserved - allocated - waiting;
  const int64_t free = not_reserved(total, stats);
  return "MTIA out of memory: mtia:" + std::to_string(device) + " cannot allocate " +
         readable(asked) + ". Of its " + readable(total) + ", " + readable(free) +
         " are free and " + readable(reserved) +
         " are reserved by PyTorch: " + readable(allocated) + " allocated to tensors, " +
         readable(cached) + " cached but unallocated" +
         (waiting > 0 ? ", " + readable(waiting) + " freed but in use by other streams" : "") +
         ". " + advice(asked, total, free, cached) +
         (total < static_cast<int64_t>(kRange)
              ? ". mtia_lab.configure(profile=mtia_lab.Profile(memory_bytes=...)) makes the device "
                "larger, up to 128 GiB"
              : "");
}
}  // namespace

OutOfMemory::OutOfMemory(int device, size_t asked, size_t total, const MemoryStats& stats)
    : Error(out_of_memory_text(device, static_cast<int64_t>(asked), static_cast<int64_t>(total),
                               stats)),
      device(device),
      asked(asked),
      total(total),
      free(not_reserved(static_cast<int64_t>(total), stats)) {}

void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer) {
  Lock lock(simulator().mutex);
  observers.push_back(std::move(observer));
}

void notify_out_of_memory(const OutOfMemory& error) {
  Lock lock(simulator().mutex);
  const auto notified = observers;
  lock.unlock();
  for (const auto& observer : notified) {
    observer(error);
  }
}

}  // namespace mtia::sim
