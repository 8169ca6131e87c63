#include "synchronize.h"

#include <algorithm>
#include <utility>

#include "graph_capture.h"
#include "log.h"

namespace mtia::sim {

namespace {
// Under Order::Latest nothing runs by itself: what the host now knows to be done must be done.
void make_visible(Lock& lock, Recording target) {
  const CommandId newest = simulator().last_command;
  log::synchronized({target.stream.device, target.stream.id, target.command, newest});
  simulator().schedule.order == Order::Latest ? run_up_to(lock, target) : run_due(lock);
}
}  // namespace

void pass_time(Time cost, Time finish) {
  Time& clock = simulator().clock;
  if (finish > clock + cost) {
    log::waited(clock, finish);
  }
  clock = std::max(clock + cost, finish);
}

Recording newest(const Stream& stream) {
  if (const Capture* capture = stream.capture) {
    return {stream.ref, static_cast<CommandId>(capture->commands.size()), 0, capture->id};
  }
  return {stream.ref, simulator().last_command, stream.last_finish};
}

bool query(Lock& lock, Recording target) {
  check_can_wait(target);
  Simulator& sim = simulator();
  sim.clock += sim.profile.query;
  const bool complete = target.finish <= sim.clock;
  if (complete) {
    make_visible(lock, target);
  } else {
    run_due(lock);
  }
  return complete;
}

void wait_for(Lock& lock, Recording target) {
  check_can_wait(target);
  pass_time(simulator().profile.synchronize, target.finish);
  make_visible(lock, target);
}

void wait_for_device(Lock& lock, Device& device) {
  check_can_wait(device);
  Time last = 0;
  for (const Stream& stream : device.streams) {
    last = std::max(last, stream.last_finish);
  }
  pass_time(simulator().profile.synchronize, last);
  const CommandId newest = simulator().last_command;
  log::synchronized({device.index, kAllStreams, newest, newest});
  simulator().schedule.order == Order::Latest ? run_all(lock, device) : run_due(lock);
}

void synchronize(Lock& lock, Recording target) {
  wait_for(lock, target);
  raise_failures(device_at(target.stream.device));
}

void raise_failures(Device& device) {
  if (device.failures.empty()) {
    return;
  }
  std::string text;
  for (const std::string& failure : std::exchange(device.failures, {})) {
    text += (text.empty() ? "" : "\n") + failure;
  }
  throw Error(text +
              "\nA kernel runs after its launch has returned, so it can only be reported at a "
              "later synchronisation: this one. The stream went on with its next command. "
              "mtia_lab.configure(schedule='blocking') reports a failure at its launch");
}

}  // namespace mtia::sim
