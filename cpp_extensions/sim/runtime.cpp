#include "runtime.h"

#include <algorithm>
#include <utility>

#include "graph/internal/capture.h"
#include "internal/effects.h"
#include "internal/enqueue.h"
#include "internal/synchronize.h"
#include "log.h"
#include "text.h"

namespace mtia::sim {

void set_device_count(int count) {
  Simulator& sim = simulator();
  Lock lock = enter("load");
  this_thread();  // the thread that loads the lab is number 0
  if (count < 1 || count > kMaxDevices) {
    throw Error("cannot simulate " + std::to_string(count) + " devices: the number must be 1 to " +
                std::to_string(kMaxDevices));
  }
  if (sim.count_is_fixed && count != sim.device_count) {
    throw Error("this process already has " + std::to_string(sim.device_count) +
                " simulated device(s) and PyTorch sizes its thread pool and generators by that "
                "number only once. Restart the kernel to load with devices=" +
                std::to_string(count));
  }
  sim.device_count = count;
  sim.count_is_fixed = true;
}

void shut(const std::string& why) {
  Simulator& sim = simulator();
  const std::lock_guard<std::mutex> lock(sim.mutex);
  if (!sim.is_shut) {
    sim.refusal = why;
    sim.device_count = 0;  // so that steady paths, which check the index, need no other check
    sim.is_shut = true;
  }
}

void check_open() {
  if (simulator().is_shut) {
    throw Error(simulator().refusal);
  }
}

void initialize() {
  mark(simulator().initialized);
  mark(simulator().count_is_fixed);
}

bool is_touched(int device) { return device_at(device).touched; }

namespace {
void check_idle(const Simulator& sim) {
  for (const Device& device : sim.devices) {
    for (const Stream& stream : device.streams) {
      if (!stream.pending.empty()) {
        throw Error("cannot configure while work is pending: " + to_string(stream.ref) + " has " +
                    std::to_string(stream.pending.size()) +
                    " command(s) that have not run. Call torch.mtia.synchronize(" +
                    std::to_string(device.index) + ") first");
      }
    }
  }
}
}  // namespace

void configure(const std::string& schedule, const Profile& profile) {
  Simulator& sim = simulator();
  Lock lock = enter("configure");
  run_due(lock);
  check_idle(sim);
  sim.schedule = Schedule::parse(schedule);
  sim.profile = profile;
  for (Device& device : sim.devices) {
    for (auto& slots : device.slots) {
      slots.assign(1, 0);
    }
    device.slots[static_cast<int>(Engine::Compute)].assign(profile.kernel_slots, 0);
  }
}

Profile profile() {
  Lock lock = enter("profile");
  return simulator().profile;
}

std::string schedule_name() {
  Lock lock = enter("schedule");
  return simulator().schedule.name;
}

void finish() {
  if (simulator().forked) {
    return;  // what is pending is the parent's
  }
  Lock lock = enter("finish");
  std::vector<Failure> failures;
  for (Device& device : simulator().devices) {
    drain(lock, device);
    const auto failed = std::exchange(device.failures, {});
    failures.insert(failures.end(), failed.begin(), failed.end());
  }
  raise(lock, failures,
        "The program ended without a synchronization after this. Call "
        "torch.accelerator.synchronize() at its end to meet such an error as an exception");
}

namespace {
StreamPoint enqueue_work(StreamRef ref, Command command, const Cost* cost) {
  command.site = log::site();
  Lock lock = enter("launch");
  Stream& stream = stream_at(ref);
  if (cost != nullptr) {
    command.duration = simulator().profile.time_of(*cost);
  }
  const StreamPoint point = enqueue(lock, stream, std::move(command));
  if (simulator().schedule.order == Order::Blocking) {
    raise_failures(lock, simulator().devices[ref.device]);
  }
  return point;
}
}  // namespace

void launch(std::string name, Time duration, Effect effect) {
  if (duration < 0 || duration > kLongest) {
    throw Error("kernel " + in_quotes(name) + " cannot take " + microseconds(duration) +
                ": a duration is 0 to " + microseconds(kLongest));
  }
  Command command;
  command.engine = Engine::Compute;
  command.name = intern(name);
  command.duration = duration;
  command.effect = std::move(effect);
  enqueue_work(current_stream(current_device()), std::move(command), nullptr);
}

StreamPoint submit(StreamRef stream, Command command, const Cost& cost) {
  return enqueue_work(stream, std::move(command), &cost);
}

void stage(int64_t bytes) {
  Lock lock = enter("stage");
  const Profile& profile = simulator().profile;
  Cost cost;
  cost.link_bytes = bytes;
  simulator().clock += profile.time_of(cost) - profile.latency;
  run_due(lock);
}

// Only a look at the clock: it runs nothing, so it may be taken anywhere, also in an effect.
Time clock_now() noexcept {
  std::lock_guard<std::mutex> lock(simulator().mutex);
  return simulator().clock;
}

bool wants_accesses() noexcept { return log::recording() || captures_are_open(); }

}  // namespace mtia::sim
