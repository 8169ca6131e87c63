#include "enqueue.h"

#include <algorithm>

#include "../embedder.h"
#include "../graph/internal/capture.h"
#include "../host_thread.h"
#include "../log.h"
#include "../runtime.h"
#include "effects.h"
#include "synchronize.h"

namespace mtia::sim {

namespace {
const char* type_name(CommandType type) {
  switch (type) {
    case CommandType::Kernel:
      return "kernel";
    case CommandType::Copy:
      return "copy";
    case CommandType::Record:
      return "record";
    case CommandType::Wait:
      return "wait";
  }
  return "";
}

// The start rule: after the command before it, after what it waits for, and when its engine has a
// free slot. Slots are given out in enqueue order, so a command's times never change later.
void place(Command& command, Stream& stream) {
  const bool occupies = command.engine != Engine::None;
  const Time duration = occupies ? simulator().schedule.duration(command.duration) : 0;
  command.start = std::max(command.enqueue, stream.last_finish);
  if (command.after) {
    command.start = std::max(command.start, command.after->finish);
  }
  command.finish = command.start + duration;
  if (occupies) {
    auto& slots = simulator().devices[stream.ref.device].slots[static_cast<int>(command.engine)];
    Time& slot = *std::min_element(slots.begin(), slots.end());
    command.start = std::max(command.start, slot);
    command.finish = slot = command.start + duration;
  }
  stream.last_finish = command.finish;
}

void log_command(const Command& command, StreamRef stream) {
  CommandRecord record;
  record.id = command.id;
  record.type = type_name(command.type);
  record.name = command.name ? *command.name : "event " + std::to_string(command.event);
  record.stream = stream;
  record.enqueue = command.enqueue;
  record.start = command.start;
  record.finish = command.finish;
  record.thread = this_thread().number;
  record.event = command.event;
  record.version = command.version;
  if (command.after) {
    record.after.push_back(command.after->command);
  }
  record.accesses = command.accesses;
  record.site = command.site;
  log::append(std::move(record));
}
}  // namespace

// A full queue makes the host wait for its oldest command, as hardware does.
void wait_for_room(Lock& lock, Stream& stream) {
  Simulator& sim = simulator();
  while (stream.pending.size() >= static_cast<size_t>(sim.profile.queue_depth)) {
    const Command& oldest = stream.pending.front();
    pass_time(0, oldest.finish);
    if (runs_on_demand(stream)) {
      run_up_to(lock, StreamPoint{stream.ref, oldest.id, oldest.finish});
    } else {
      run_due(lock);
    }
  }
}

StreamPoint put(Stream& stream, Command&& command) {
  Simulator& sim = simulator();
  command.id = ++sim.last_command;
  command.enqueue = sim.clock;
  if (command.uses != nullptr) {
    command.after = command.uses->last;
  }
  place(command, stream);
  if (log::recording()) {
    log_command(command, stream.ref);
  }
  if (const Observer notify = observer()) {
    const auto& slots = sim.devices[stream.ref.device].slots[static_cast<int>(command.engine)];
    notify(command, stream.ref, slots.size());
  }

  const StreamPoint point{stream.ref, command.id, command.finish};
  if (command.uses != nullptr) {
    command.uses->last = point;
  }
  if (sim.schedule.order == Order::Blocking) {
    pass_time(0, command.finish);
  }
  if (!runs_on_demand(stream)) {
    sim.due.push(Due{command.finish, command.id, &stream});
  }
  stream.pending.push_back(std::move(command));
  return point;
}

StreamPoint enqueue(Lock& lock, Stream& stream, Command&& command) {
  Simulator& sim = simulator();
  initialize();
  mark(sim.devices[stream.ref.device].touched);
  const Time cost = command.engine != Engine::None ? sim.profile.launch : sim.profile.event;
  const bool captured = stream.capture != nullptr;
  if (captured) {
    check_intact(stream);
  } else {
    wait_for_room(lock, stream);
  }
  sim.clock += cost;
  const StreamPoint point =
      captured ? capture(stream, std::move(command)) : put(stream, std::move(command));
  run_due(lock);
  return point;
}

}  // namespace mtia::sim
