// Work for the device: synthetic kernels, and operators and copies, whose time follows their cost.
#include <algorithm>

#include "enqueue.h"
#include "log.h"
#include "runtime.h"
#include "synchronize.h"
#include "text.h"

namespace mtia::sim {

namespace {
Recording enqueue_work(StreamRef ref, Command command, const Cost* cost) {
  command.site = log::site();
  Lock lock = enter("launch");
  Stream& stream = stream_at(ref);
  if (cost != nullptr) {
    command.duration = simulator().profile.time_of(*cost);
  }
  const Recording recording = enqueue(lock, stream, std::move(command));
  if (simulator().schedule.order == Order::Blocking) {
    raise_failures(lock, simulator().devices[ref.device]);
  }
  return recording;
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

Recording submit(StreamRef stream, Command command, const Cost& cost) {
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

}  // namespace mtia::sim
