// What happened to memory: into the log while recording, and into a history while one is kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../log/log.h"

namespace mtia::sim {

class Lock;

// What an action is called in the log and in a history; null: it does not show there.
struct MemoryAction {
  const char* in_log;
  const char* in_history;
};
constexpr MemoryAction kAllocated{"alloc", "alloc"};
constexpr MemoryAction kFreed{"free", "free_requested"};
constexpr MemoryAction kReusable{nullptr, "free_completed"};
constexpr MemoryAction kSegmentObtained{"segment_alloc", "segment_alloc"};
constexpr MemoryAction kSegmentReturned{"segment_free", "segment_free"};
constexpr MemoryAction kUseRecorded{"record_stream", nullptr};
constexpr MemoryAction kOutOfMemory{"oom", "oom"};

// Notes that `action` happened to `bytes` bytes at `address`. The address of kOutOfMemory is how
// many bytes were free.
void write_memory(const Lock& lock, const MemoryAction& action, StreamRef stream, uintptr_t address,
                  size_t bytes, const Site& site);
extern std::atomic<bool> keeping_history;
inline void note_memory(const Lock& lock, const MemoryAction& action, StreamRef stream,
                        uintptr_t address, size_t bytes, const Site& site) {
  if (log::recording() || keeping_history.load(std::memory_order_relaxed)) {
    write_memory(lock, action, stream, address, bytes, site);
  }
}

// The user's line, while lines are being kept. May take the interpreter lock: not under the mutex.
Site memory_site() noexcept;

// What a history keeps.
struct HistorySettings {
  bool trace = false;      // keep what happened, not only who allocated what there is now
  bool sites = false;      // keep lines
  size_t most_events = 0;  // of a device; 0: no limit
};
void keep_memory_history(const HistorySettings& settings);  // starts anew

// A snapshot, as values.
struct BlockView {
  uintptr_t address;
  size_t bytes;
  size_t requested;
  bool allocated;
  bool cached;  // neither: freed, but other streams use it
  Site site;
};
struct SegmentView {
  uintptr_t address;
  size_t bytes;
  StreamRef stream;
  PoolId pool;
  bool small;
  std::vector<BlockView> blocks;
};
struct MemoryEvent {
  const char* action;  // as PyTorch's snapshots call it
  StreamRef stream;
  uintptr_t address;
  size_t bytes;
  Time time;
  Site site;
};
struct MemorySnapshot {
  std::vector<SegmentView> segments;
  std::vector<std::vector<MemoryEvent>> traces;  // of each device
};
MemorySnapshot memory_snapshot();

}  // namespace mtia::sim
