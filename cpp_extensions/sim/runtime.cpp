#include "runtime.h"

#include <algorithm>
#include <utility>

#include "embedder.h"
#include "graph/graph.h"
#include "graph/internal/capture.h"
#include "internal/effects.h"
#include "internal/enqueue.h"
#include "internal/synchronize.h"
#include "log/log.h"
#include "memory/allocator.h"
#include "text.h"

namespace mtia::sim {

void set_device_count(int count) {
  Lock lock = enter("set_device_count");
  this_thread();  // the thread that loads the device is number 0
  if (count < 1 || count > kMaxDevices) {
    throw Error(str("cannot simulate ", count, " devices: the number must be 1 to ", kMaxDevices));
  }
  if (process.count_is_fixed && count != process.device_count) {
    throw Error(str("this process already has ", process.device_count.load(),
                    " simulated device(s)", embedder().advice(Advice::CountIsFixed, count)));
  }
  process.device_count = count;
  process.count_is_fixed = true;
}

void shut(const std::string& why) {
  Lock lock;
  if (process.refusal == nullptr) {
    process.refusal = new std::string(why);  // never deleted
    process.device_count = 0;  // so that steady paths, which check the index, need no other check
  }
}

void check_open() {
  if (const std::string* refusal = process.refusal) {
    throw Error(*refusal);
  }
}

void initialize() {
  mark(process.initialized);
  mark(process.count_is_fixed);
}

bool is_touched(int device) { return process.touched[checked_device(device)]; }

namespace {
void check_idle(const Lock& lock) {
  for (const Device& device : lock->devices) {
    for (const Stream& stream : device.streams) {
      if (!stream.pending.empty()) {
        throw Error(str("cannot configure while work is pending: ", stream.ref, " has ",
                        stream.pending.size(), " command(s) that have not run",
                        embedder().advice(Advice::WorkIsPending, device.index)));
      }
    }
  }
}
}  // namespace

void configure(const std::string& schedule, const Profile& profile) {
  Lock lock = enter("configure");
  run_due(lock);
  check_idle(lock);
  lock->schedule = Schedule::parse(schedule);
  lock->schedule.first = lock->last_command;
  lock->profile = profile;
  for (Device& device : lock->devices) {
    for (auto& slots : device.slots) {
      slots.assign(1, 0);
    }
    device.slots[static_cast<int>(Engine::Compute)].assign(profile.kernel_slots, 0);
  }
}

Profile profile() {
  Lock lock = enter("profile");
  return lock->profile;
}

std::string schedule_name() {
  Lock lock = enter("schedule_name");
  return lock->schedule.name;
}

void finish() {
  if (process.forked) {
    return;  // what is pending is the parent's
  }
  std::vector<Failure> failures;
  try {
    embedder().throw_what_is_due();
  } catch (const Error&) {  // which keeps nothing else from being done
    failures.push_back({"the program", std::current_exception()});
  }
  Lock lock = enter("finish");
  for (Device& device : lock->devices) {
    drain(lock, device);
    const auto failed = std::exchange(device.failures, {});
    failures.insert(failures.end(), failed.begin(), failed.end());
  }
  raise(lock, failures,
        "The program ended without a synchronization after this" +
            embedder().advice(Advice::ReportedAtEnd, 0));
}

namespace {
StreamPoint enqueue_work(StreamRef ref, Command command, const Cost* cost) {
  command.site = log::site();
  if (command.prepare && !is_capturing(ref)) {
    command.prepare();
  }
  Lock lock = enter("launch");
  Stream& stream = stream_at(lock, ref);
  if (cost != nullptr) {
    command.duration = lock->profile.time_of(*cost);
  }
  const StreamPoint point = enqueue(lock, stream, std::move(command));
  if (lock->schedule.order == Order::Blocking) {
    raise_failures(lock, lock->devices[ref.device]);
  }
  return point;
}
}  // namespace

void launch(std::string name, Time duration, Effect effect) {
  if (duration < 0 || duration > kLongest) {
    throw Error(str("kernel ", in_quotes(name), " cannot take ", microseconds(duration),
                    ": a duration is 0 to ", microseconds(kLongest)));
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
  Cost cost;
  cost.link_bytes = bytes;
  lock->clock += lock->profile.time_of(cost) - lock->profile.latency;
  run_due(lock);
}

void host_uses_memory() {
  if (this_thread().in_effect) {
    return;  // what an effect does is the device's
  }
  Lock lock = enter("host_uses_memory");
  run_due(lock);
  ++lock->schedule.steps;
}

// Runs nothing, so it may be called anywhere, also in an effect.
Time clock_now() noexcept {
  Lock lock;
  return lock->clock;
}

bool hides_downloads() noexcept {
  Lock lock;
  return poisons() || lock->schedule.order == Order::Latest;
}

bool wants_accesses() noexcept { return log::recording() || captures_are_open(); }

}  // namespace mtia::sim
