#include "synchronize.h"

#include <algorithm>
#include <utility>

#include "../embedder.h"
#include "../graph/internal/capture.h"
#include "../log/log.h"
#include "effects.h"

namespace mtia::sim {

namespace {
// Not all runs by itself: what the host now knows to be done must be done.
void make_visible(Lock& lock, StreamPoint target) {
  const CommandId newest = lock->last_command;
  log::synchronized({target.stream.device, target.stream.id, target.command, newest});
  if (runs_on_demand(lock, stream_at(lock, target.stream))) {
    run_up_to(lock, target);
  } else {
    run_due(lock);
  }
}
}  // namespace

bool runs_on_demand(const Lock& lock, const Stream& stream) {
  const Order order = lock->schedule.order;
  return stream.on_demand || order == Order::Latest || order == Order::Given;
}

void pass_time(const Lock& lock, Time cost, Time finish) {
  Time& clock = lock->clock;
  if (finish > clock + cost) {
    log::waited(clock, finish);
  }
  clock = std::max(clock + cost, finish);
}

StreamPoint end_of(const Lock& lock, const Stream& stream) {
  if (const Capture* capture = stream.capture) {
    return {stream.ref, static_cast<CommandId>(capture->commands.size()), 0, capture->id};
  }
  return {stream.ref, lock->last_command, stream.last_finish};
}

bool query(Lock& lock, StreamPoint target) {
  check_can_wait(lock, target);
  lock->clock += lock->profile.query;
  const bool complete = target.finish <= lock->clock;
  if (complete) {
    make_visible(lock, target);
  } else {
    run_due(lock);
  }
  return complete;
}

void wait_for(Lock& lock, StreamPoint target) {
  check_can_wait(lock, target);
  pass_time(lock, lock->profile.synchronize, target.finish);
  make_visible(lock, target);
}

void drain(Lock& lock, Device& device) {
  Time last = 0;
  for (const Stream& stream : device.streams) {
    last = std::max(last, stream.last_finish);
  }
  pass_time(lock, lock->profile.synchronize, last);
  const CommandId newest = lock->last_command;
  log::synchronized({device.index, kAllStreams, newest, newest});
  if (lock->schedule.order != Order::Latest) {
    run_due(lock);
  }
  run_all(lock, device);
}

void wait_for_device(Lock& lock, Device& device) {
  check_can_wait(lock, device);
  drain(lock, device);
}

void synchronize(Lock& lock, StreamPoint target) {
  wait_for(lock, target);
  raise_failures(lock, device_at(lock, target.stream.device));
}

void raise(Lock& lock, const std::vector<Failure>& failures, const std::string& hint) {
  lock.unlock();
  if (failures.empty()) {
    return;  // another thread has reported them
  }
  std::string text;
  for (const Failure& failure : failures) {
    text += str(failure.what, ": ", embedder().reason(failure.error), "\n");
  }
  embedder().raise(text + hint, failures);
}

void raise_failures(Lock& lock, Device& device) {
  const bool all_went_well = device.failures.empty();
  lock.unlock();
  embedder().throw_what_is_due();
  if (all_went_well) {
    return;
  }
  lock.lock();
  raise(lock, std::exchange(device.failures, {}),
        "A kernel runs after its launch has returned, so it can only be reported at a later "
        "synchronization: this one. The stream went on with its next command" +
            embedder().advice(Advice::ReportedLate, 0));
}

}  // namespace mtia::sim
