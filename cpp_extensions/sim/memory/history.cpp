#include "history.h"

#include <array>
#include <deque>
#include <utility>

#include "../embedder.h"
#include "../host_thread.h"
#include "addresses.h"
#include "internal/device_memory.h"

namespace mtia::sim {

std::atomic<bool> keeping_history{false};

namespace {
HistorySettings history;                 // with the histories, guarded by the simulator's mutex
std::atomic<bool> history_sites{false};  // history.sites, readable without the lock
auto& histories = never_deleted<std::array<std::deque<MemoryEvent>, kMaxDevices>>();

void keep(const Lock&, MemoryEvent event) {
  auto& events = histories[event.stream.device];
  events.push_back(std::move(event));
  if (history.most_events != 0 && events.size() > history.most_events) {
    events.pop_front();
  }
}
}  // namespace

Site memory_site() noexcept {
  return log::recording() || history_sites ? embedder().call_site() : Site{};
}

void write_memory(const Lock& lock, const MemoryAction& action, StreamRef stream, uintptr_t address,
                  size_t bytes, const Site& site) {
  const Time now = lock->clock;
  if (action.in_log != nullptr && log::recording()) {
    MemoryRecord record;
    record.action = action.in_log;
    record.stream = stream;
    record.owner = action.in_log == kUseRecorded.in_log
                       ? device_of(reinterpret_cast<const void*>(address))
                       : stream.device;
    record.address = offset_of(reinterpret_cast<const void*>(address));
    record.bytes = static_cast<int64_t>(bytes);
    record.time = now;
    record.thread = this_thread().number;
    record.site = site;
    log::append(std::move(record));
  }
  if (action.in_history != nullptr && history.trace) {
    keep(lock, {action.in_history, stream, address, bytes, now, history.sites ? site : Site{}});
  }
}

void keep_memory_history(const HistorySettings& settings) {
  Lock lock;
  history = settings;
  keeping_history = settings.trace;
  history_sites = settings.sites;
  for (auto& events : histories) {
    events.clear();
  }
}

MemorySnapshot memory_snapshot() {
  Lock lock;
  MemorySnapshot snapshot;
  for (int device = 0; device < device_count(); ++device) {
    if (const DeviceMemory* memory = memory_if_used(lock, device)) {
      memory->describe(snapshot.segments);
    }
    const auto& events = histories[device];
    snapshot.traces.emplace_back(events.begin(), events.end());
  }
  return snapshot;
}

}  // namespace mtia::sim
