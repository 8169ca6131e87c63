// The whole state of the accelerator, behind one mutex. runtime.h is its API.
#pragma once

#include <array>
#include <atomic>
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

// Pending commands by finish time, or by their place in a given order, ties by enqueue order: the
// order in which effects happen.
struct Due {
  Time finish;
  CommandId id;
  Stream* stream;
  bool operator>(const Due& other) const {
    return std::tie(finish, id) > std::tie(other.finish, other.id);
  }
};
using DueQueue = std::priority_queue<Due, std::vector<Due>, std::greater<Due>>;

// Note [Virtual time]
// ~~~~~~~~~~~~~~~~~~~
// Time is counted, never measured: `clock` is the host's, in nanoseconds, and advances only by what
// the profile says a runtime call costs, and to the finish of what a blocking call waits for. No
// thread ever waits for real time. A command is given its start and finish when it is enqueued
// (Note [Start rule]); its effect runs on the host, at the first runtime call that finds its finish
// to be no later than the clock (run_due), or when a synchronization demands it. So the same calls
// in the same order give the same values and the same times on every machine.
struct Simulator {
  std::mutex mutex;
  std::condition_variable effects_done;
  bool running_effects = false;       // some thread runs effects, with the mutex released
  std::uintptr_t effects_thread = 0;  // which one, by the system's number
  Name effect = nullptr;              // whose effect it is that runs

  Time clock = 0;
  Profile profile;
  Schedule schedule;
  std::array<Device, kMaxDevices> devices;
  CommandId last_command = 0;
  EventId last_event = 0;
  std::unordered_map<EventId, Event> events;
  DueQueue due;  // empty under Order::Latest
};

// Note [Who holds the lock]
// ~~~~~~~~~~~~~~~~~~~~~~~~~
// One mutex guards the simulator, its memory and its graphs. Signatures say who holds it:
// - A function that takes a `const Lock&` is called with the mutex held, and keeps it.
// - One that takes a `Lock&` may give it up and take it again, since effects run without it; where
//   it is not held on return, a comment says so. What it was given may be gone then.
// - Every other function is called without it, but for the methods of what can only be reached
//   under it: of a device's memory, of a schedule.
// It is never held while Python runs or the interpreter lock is taken, so no two threads can each
// wait for what the other one holds. While a thread runs effects, `running_effects` keeps all
// others out in its place: enter() waits until it is done.
class Lock : public std::unique_lock<std::mutex> {
 public:
  Lock();  // takes the mutex, though effects may be running
  Simulator* operator->() const { return simulator_; }

 private:
  Simulator* simulator_;
};

// Takes the mutex for a runtime call, once no thread is running effects. Throws Error inside an
// effect (it may not call the runtime) and in a process forked after initialization, and what the
// embedder has to throw. enter_to_free() throws nothing: its callers check for themselves.
Lock enter(const char* function);
Lock enter_to_free() noexcept;

// Throws Error if this thread may not call the runtime. For calls that touch thread state only.
void check_may_call(const char* function);
void check_stream(StreamRef ref);  // throws Error for an unknown stream

Device& device_at(const Lock& lock, int index);  // throws Error for an index out of range
Stream& stream_at(const Lock& lock, StreamRef ref);

// What is read without the lock. Nothing of it is ever taken back.
struct Process {
  std::atomic<int> device_count{2};
  std::atomic<bool> count_is_fixed{false};
  std::atomic<bool> initialized{false};  // a fork from now on cannot use the device
  std::atomic<bool> forked{false};
  std::atomic<const std::string*> refusal{nullptr};  // why all of the device refuses, if it does
  std::array<std::atomic<StreamId>, kMaxDevices> last_stream{};  // the highest id there is
  std::array<std::atomic<bool>, kMaxDevices> touched{};  // it was used: the "primary context"
};
extern Process process;

// Sets a flag that is nearly always set already, so that hot paths only read it.
inline void mark(std::atomic<bool>& flag) {
  if (!flag.load(std::memory_order_relaxed)) {
    flag = true;
  }
}

}  // namespace mtia::sim
