#include "simulator.h"

#include <pthread.h>

#include <chrono>

#include "../embedder.h"
#include "../host_thread.h"
#include "../log.h"
#include "../runtime.h"

namespace mtia::sim {

namespace {
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
  simulator().forked = simulator().initialized.load();
  after_fork_in_parent();
}

Simulator* make_simulator() {
  auto* made = new Simulator;  // never deleted: PyTorch may call in during process exit
  for (int i = 0; i < kMaxDevices; ++i) {
    Device& device = made->devices[i];
    device.index = i;
    device.streams.push_back(Stream{StreamRef{i, 0}, 0, 0, {}});
    device.stream_count = 1;
    device.slots.fill(std::vector<Time>(1, 0));  // as the profile, which starts with one
  }
  return made;
}
}  // namespace

Simulator& simulator() {
  static Simulator* const instance = [] {
    Simulator* made = make_simulator();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    return made;
  }();
  return *instance;
}

void check_may_call(const char* what) {
  check_open();
  if (this_thread().in_effect) {
    throw Error(std::string(what) +
                " was called from inside a command's effect. An effect runs while the device's "
                "queues are being worked off, so it may not call the runtime. Read or compute "
                "there, and call the runtime after a synchronization instead");
  }
  if (simulator().forked) {
    throw Error(std::string(what) +
                " was called in a process forked after MTIA was initialized. A fork copies the "
                "device's queues but not the threads that use them, as on CUDA. Start the process "
                "with multiprocessing's 'spawn' method, or fork before the first use of MTIA");
  }
}

namespace {
// `look` is called now and then, without the mutex; what it throws ends the wait.
template <typename Look>
Lock enter_when_idle(const Look& look) {
  constexpr auto kPatience = std::chrono::milliseconds(50);
  Simulator& sim = simulator();
  Lock lock(sim.mutex);
  while (sim.running_effects) {
    // The thread that runs them may need the interpreter lock to finish: never wait holding it,
    // and never ask for it back while holding the mutex.
    lock.unlock();
    void* interpreter = embedder().release();
    lock.lock();
    const bool done =
        sim.effects_done.wait_for(lock, kPatience, [&] { return !sim.running_effects; });
    const std::uintptr_t thread = sim.effects_thread;
    const Name effect = sim.effect;
    lock.unlock();
    embedder().acquire(interpreter);
    if (!done && effect != nullptr) {
      look(thread, *effect);
    }
    lock.lock();
  }
  return lock;
}
}  // namespace

Lock enter(const char* what) {
  check_may_call(what);
  embedder().throw_what_is_due();
  return enter_when_idle([](auto thread, auto& effect) { embedder().check_wait(thread, effect); });
}

Lock enter_to_free() noexcept {
  return enter_when_idle([](auto, auto&) {});
}

Device& device_at(int index) {
  Simulator& sim = simulator();
  const int count = sim.device_count;
  if (index < 0 || index >= count) {
    check_open();
    throw Error("there is no device mtia:" + std::to_string(index) + ": this process has " +
                std::to_string(count) + " simulated device(s), with indices 0 to " +
                std::to_string(count - 1) +
                ". Their number is fixed by mtia_lab.load(devices=...)");
  }
  return sim.devices[index];
}

void check_stream(StreamRef ref) {
  const StreamId count = device_at(ref.device).stream_count;
  if (ref.id < 0 || ref.id >= count) {
    throw Error("mtia:" + std::to_string(ref.device) + " has no stream " + std::to_string(ref.id) +
                ": its streams have ids 0 to " + std::to_string(count - 1) +
                ". A stream handle is only three numbers; make one with torch.Stream('mtia:" +
                std::to_string(ref.device) + "')");
  }
}

Stream& stream_at(StreamRef ref) {
  check_stream(ref);
  return simulator().devices[ref.device].streams[ref.id];
}

}  // namespace mtia::sim
