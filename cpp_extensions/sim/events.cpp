#include "events.h"

#include <utility>

#include "embedder.h"
#include "graph/internal/capture.h"
#include "internal/effects.h"
#include "internal/enqueue.h"
#include "internal/synchronize.h"
#include "log/log.h"

namespace mtia::sim {

namespace {
Event& event_at(const Lock& lock, EventId id) {
  auto found = lock->events.find(id);
  if (found == lock->events.end()) {
    throw Error(str("there is no event ", id, ": it was never recorded, or it was destroyed"));
  }
  return found->second;
}

Command event_command(CommandType type, EventId id, int64_t version, const Site& site) {
  Command command;
  command.type = type;
  command.event = id;
  command.version = version;
  command.site = site;
  return command;
}
}  // namespace

// [events.record]
EventId record(EventId id, StreamRef ref, bool timing) {
  const Site site = log::site();
  Lock lock = enter("record");
  Stream& stream = stream_at(lock, ref);
  check_intact(lock, stream);
  if (id == 0) {
    id = ++lock->last_event;
    Event& made = lock->events[id];
    made.device = ref.device;
    made.timing = timing;
  }
  Event& event = event_at(lock, id);
  if (event.device != ref.device) {
    throw Error(str("event ", id, " was first recorded on mtia:", event.device,
                    " and cannot be recorded on ", ref,
                    ": an event stays on its first device. Use a new event; a stream of any device "
                    "may wait for it"));
  }
  const int64_t version = ++event.version;
  const StreamPoint point =
      enqueue(lock, stream, event_command(CommandType::Record, id, version, site));
  if (auto found = lock->events.find(id); found != lock->events.end()) {
    found->second.newest = point;  // looked up again: effects ran, and may have destroyed it
  }
  return id;
}

void wait(EventId id, StreamRef ref) {
  const Site site = log::site();
  Lock lock = enter("wait");
  Stream& stream = stream_at(lock, ref);
  const Event& event = event_at(lock, id);
  const StreamPoint target = event.newest;
  check_intact(lock, stream);
  follow(lock, stream, target);
  Command command = event_command(CommandType::Wait, id, event.version, site);
  command.after = target;
  enqueue(lock, stream, std::move(command));
  if (!runs_on_demand(lock, stream) && stream_at(lock, target.stream).on_demand) {
    run_up_to(lock, target);  // what the stream is given next may run by itself
  }
}

bool query_event(EventId id) {
  Lock lock = enter("query_event");
  return query(lock, event_at(lock, id).newest);
}

void synchronize_event(EventId id) {
  Lock lock = enter("synchronize_event");
  synchronize(lock, event_at(lock, id).newest);
}

// [events.elapsed_ms]
double elapsed_ms(EventId from, EventId to) {
  Lock lock = enter("elapsed_ms");
  const Event& first = event_at(lock, from);
  const Event& second = event_at(lock, to);
  if (first.device != second.device) {
    throw Error(str("event ", from, " is on mtia:", first.device, " and event ", to,
                    " on mtia:", second.device,
                    ": two devices have no clock in common. Record both on one device"));
  }
  if (!first.timing || !second.timing) {
    throw Error(str("event ", first.timing ? to : from, " keeps no time",
                    embedder().advice(Advice::NoTiming, 0)));
  }
  check_can_wait(lock, first.newest);
  check_can_wait(lock, second.newest);
  if (first.newest.finish > lock->clock || second.newest.finish > lock->clock) {
    throw Error("an event of the two is still to come: synchronize before reading their times");
  }
  return static_cast<double>(second.newest.finish - first.newest.finish) / 1e6;
}

// Called from destructors, also inside an effect and in a forked child: waits for no one.
void destroy_event(EventId id) noexcept {
  Lock lock;
  lock->events.erase(id);
}

}  // namespace mtia::sim
