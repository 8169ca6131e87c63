#include "simulator.h"

#include <pthread.h>

#include <chrono>

#include "../embedder.h"
#include "../host_thread.h"
#include "../log/log.h"
#include "../runtime.h"

namespace mtia::sim {

namespace {
Simulator* make_simulator() {
  auto* made = new Simulator;  // never deleted: effects may run during process exit
  for (int i = 0; i < kMaxDevices; ++i) {
    Device& device = made->devices[i];
    device.index = i;
    device.streams.push_back(Stream{StreamRef{i, 0}, 0, 0, {}});
    device.slots.fill(std::vector<Time>(1, 0));  // as the profile, which starts with one
  }
  return made;
}

Simulator& simulator();

// A fork copies the mutexes as they are: hold them meanwhile, so that the child finds them whole.
void before_fork() {
  simulator().mutex.lock();
  log::mutex().lock();
}
void after_fork_in_parent() {
  log::mutex().unlock();
  simulator().mutex.unlock();
}
void after_fork_in_child() {
  process.forked = process.initialized.load();
  after_fork_in_parent();
}

Simulator& simulator() {
  static Simulator* const instance = [] {
    Simulator* made = make_simulator();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    return made;
  }();
  return *instance;
}
}  // namespace

Process process;

Lock::Lock() : std::unique_lock<std::mutex>(simulator().mutex), simulator_(&simulator()) {}

void check_may_call(const char* function) {
  check_open();
  if (this_thread().in_effect) {
    throw Error(str(embedder().name_of(function),
                    " was called from inside a command's effect. An effect runs while the device's "
                    "queues are being worked off, so it may not call the runtime. Read or compute "
                    "there, and call the runtime after a synchronization instead"));
  }
  if (process.forked) {
    throw Error(str(embedder().name_of(function),
                    " was called in a process forked after MTIA was initialized. A fork copies the "
                    "device's queues but not the threads that use them, as on CUDA",
                    embedder().advice(Advice::Forked, 0)));
  }
}

namespace {
// `check` is called now and then, without the mutex; what it throws ends the wait.
template <typename Check>
Lock enter_when_idle(const Check& check) {
  constexpr auto kPatience = std::chrono::milliseconds(50);
  Lock lock;
  while (lock->running_effects) {
    // The thread that runs them may need the interpreter lock to finish: never wait holding it,
    // and never take it back while holding the mutex.
    lock.unlock();
    void* interpreter = embedder().release();
    lock.lock();
    const bool done =
        lock->effects_done.wait_for(lock, kPatience, [&] { return !lock->running_effects; });
    const std::uintptr_t thread = lock->effects_thread;
    const Name effect = lock->effect;
    lock.unlock();
    embedder().acquire(interpreter);
    if (!done && effect != nullptr) {
      check(thread, *effect);
    }
    lock.lock();
  }
  return lock;
}
}  // namespace

Lock enter(const char* function) {
  check_may_call(function);
  embedder().throw_what_is_due();
  return enter_when_idle([](auto thread, auto& effect) { embedder().check_wait(thread, effect); });
}

Lock enter_to_free() noexcept {
  return enter_when_idle([](auto, auto&) {});
}

void check_stream(StreamRef ref) {
  const StreamId last = process.last_stream[checked_device(ref.device)];
  if (ref.id < 0 || ref.id > last) {
    throw Error(str("mtia:", ref.device, " has no stream ", ref.id, ": its streams have ids 0 to ",
                    last, embedder().advice(Advice::UnknownStream, ref.device)));
  }
}

Device& device_at(const Lock& lock, int index) { return lock->devices[checked_device(index)]; }

Stream& stream_at(const Lock& lock, StreamRef ref) {
  check_stream(ref);
  return lock->devices[ref.device].streams[ref.id];
}

}  // namespace mtia::sim
