// The whole state of the accelerator, behind one mutex. Internal to sim/; see runtime.h for its
// API.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "../profile.h"
#include "device.h"
#include "schedule.h"

namespace mtia::sim {

struct Event {
  int device = 0;
  bool timing = false;
  int64_t version = 0;
  StreamPoint newest;
};

// Pending commands by finish time, ties by enqueue order: the order in which effects happen.
struct Due {
  Time finish;
  CommandId id;
  Stream* stream;
  bool operator>(const Due& other) const {
    return std::tie(finish, id) > std::tie(other.finish, other.id);
  }
};
using DueQueue = std::priority_queue<Due, std::vector<Due>, std::greater<Due>>;

struct Simulator {
  std::mutex mutex;  // never held while Python runs or its lock is taken
  std::condition_variable effects_done;
  bool running_effects = false;       // some thread runs effects, with the mutex released
  std::uintptr_t effects_thread = 0;  // which one, by the system's number
  Name effect = nullptr;              // whose effect it is that runs

  std::array<Device, kMaxDevices> devices;
  std::atomic<int> device_count{2};
  std::atomic<bool> count_is_fixed{false};
  std::atomic<bool> initialized{false};  // a fork from now on cannot use the device
  std::atomic<bool> forked{false};
  std::atomic<bool> is_shut{false};
  std::string refusal;  // why it is shut; set before that and never again

  Time clock = 0;
  Profile profile;
  Schedule schedule;
  CommandId last_command = 0;
  EventId last_event = 0;
  std::unordered_map<EventId, Event> events;
  DueQueue due;  // empty under Order::Latest
};

Simulator& simulator();

// Sets a flag that is nearly always set already, so that hot paths only read it.
inline void mark(std::atomic<bool>& flag) {
  if (!flag.load(std::memory_order_relaxed)) {
    flag = true;
  }
}

using Lock = std::unique_lock<std::mutex>;

// Takes the mutex for a runtime call, once no thread is running effects. Throws Error inside an
// effect (it may not call the runtime) and in a process forked after initialization, and what the
// embedder has to throw. enter_to_free() throws nothing: its callers look for themselves.
Lock enter(const char* what);
Lock enter_to_free() noexcept;

// Throws Error if this thread may not call the runtime. For calls that touch thread state only.
void check_may_call(const char* what);

Device& device_at(int index);      // throws Error for an index out of range
void check_stream(StreamRef ref);  // throws Error for an unknown stream; takes no lock
Stream& stream_at(StreamRef ref);  // the same check, under the lock

}  // namespace mtia::sim
