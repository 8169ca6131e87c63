#include "enqueue.h"

#include <algorithm>

#include "../embedder.h"
#include "../graph/internal/capture.h"
#include "../host_thread.h"
#include "../log/log.h"
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

const char* direction_of(const Command& command) {
  if (command.type != CommandType::Copy) {
    return nullptr;
  }
  switch (command.engine) {
    case Engine::FromHost:
      return "H2D";
    case Engine::ToHost:
      return "D2H";
    case Engine::Peer:
      return "peer";
    default:
      return "D2D";
  }
}

std::vector<Time>& slots_of(const Lock& lock, const Command& command, const Stream& stream) {
  return lock->devices[stream.ref.device].slots[static_cast<int>(command.engine)];
}

// [enqueue.place]
// Note [Start rule]
// ~~~~~~~~~~~~~~~~~
// A command starts at the latest of these times: when the host enqueues it, when the command before
// it on its stream finishes, when what it waits for finishes, and when its engine has a free slot.
// Kernels have as many slots as the profile says, copies of one direction have one, and records and
// waits, which take no time, need none. Slots are given out in the order of enqueueing, so that the
// times of a command never change later: what they are is known before any effect runs.
void place(const Lock& lock, Command& command, Stream& stream) {
  command.start = std::max(command.enqueue, stream.last_finish);
  if (command.after) {
    command.start = std::max(command.start, command.after->finish);
  }
  command.finish = command.start;
  if (command.engine != Engine::None) {
    auto& slots = slots_of(lock, command, stream);
    Time& slot = *std::min_element(slots.begin(), slots.end());
    command.start = std::max(command.start, slot);
    command.finish = command.start + lock->schedule.duration(command.duration);
    slot = command.finish;
  }
  stream.last_finish = command.finish;
}

void log_command(const Command& command, StreamRef stream) {
  CommandRecord record;
  record.id = command.id;
  record.type = type_name(command.type);
  record.name = command.name ? *command.name : str("event ", command.event);
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
  record.direction = direction_of(command);
  record.marker = command.marker == Marker::Poison ? "poison" : nullptr;
  log::append(std::move(record));
}
}  // namespace

// A full queue makes the host wait for its oldest command, as hardware does.
void wait_for_room(Lock& lock, Stream& stream) {
  while (stream.pending.size() >= static_cast<size_t>(lock->profile.queue_depth)) {
    const Command& oldest = stream.pending.front();
    pass_time(lock, 0, oldest.finish);
    if (runs_on_demand(lock, stream)) {
      run_up_to(lock, StreamPoint{stream.ref, oldest.id, oldest.finish});
    } else {
      run_due(lock);
    }
  }
}

// [enqueue.put]
StreamPoint put(const Lock& lock, Stream& stream, Command&& command) {
  command.id = ++lock->last_command;
  command.enqueue = lock->clock;
  if (command.uses != nullptr) {
    command.after = command.uses->last;
  }
  place(lock, command, stream);
  if (log::recording()) {
    log_command(command, stream.ref);
  }
  if (const Observer notify = observer()) {
    notify(command, stream.ref, slots_of(lock, command, stream).size());
  }

  const StreamPoint point{stream.ref, command.id, command.finish};
  if (command.uses != nullptr) {
    command.uses->last = point;
  }
  if (lock->schedule.order == Order::Blocking) {
    pass_time(lock, 0, command.finish);
  }
  const Time due = lock->schedule.due(command.id, command.finish);
  if (!runs_on_demand(lock, stream) || lock->schedule.order == Order::Given) {
    lock->due.push(Due{due, command.id, &stream});
  }
  stream.pending.push_back(std::move(command));
  return point;
}

StreamPoint enqueue(Lock& lock, Stream& stream, Command&& command) {
  initialize();
  mark(process.touched[stream.ref.device]);
  const Profile& profile = lock->profile;
  const Time cost = command.engine != Engine::None ? profile.launch : profile.event;
  const bool captured = stream.capture != nullptr;
  if (captured) {
    check_intact(lock, stream);
  } else {
    wait_for_room(lock, stream);
  }
  lock->clock += cost;
  const StreamPoint point =
      captured ? capture(lock, stream, std::move(command)) : put(lock, stream, std::move(command));
  run_due(lock);
  return point;
}

}  // namespace mtia::sim
