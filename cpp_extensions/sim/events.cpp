#include "events.h"

#include "graph/internal/capture.h"
#include "internal/effects.h"
#include "internal/enqueue.h"
#include "internal/synchronize.h"
#include "log.h"

namespace mtia::sim {

namespace {
Event& event_at(EventId id) {
  auto found = simulator().events.find(id);
  if (found == simulator().events.end()) {
    throw Error("there is no event " + std::to_string(id) +
                ": it was never recorded, or it was destroyed");
  }
  return found->second;
}
}  // namespace

EventId record(EventId id, StreamRef ref, bool timing) {
  Simulator& sim = simulator();
  const Site site = log::site();
  Lock lock = enter("record");
  Stream& stream = stream_at(ref);
  check_intact(stream);
  if (id == 0) {
    id = ++sim.last_event;
    Event& made = sim.events[id];
    made.device = ref.device;
    made.timing = timing;
  }
  Event& event = event_at(id);
  if (event.device != ref.device) {
    throw Error("event " + std::to_string(id) + " was first recorded on mtia:" +
                std::to_string(event.device) + " and cannot be recorded on " + to_string(ref) +
                ": an event stays on its first device. Use a new event; a stream of any device "
                "may wait for it");
  }
  const int64_t version = ++event.version;
  Command command;
  command.type = CommandType::Record;
  command.event = id;
  command.version = version;
  command.site = site;
  const StreamPoint point = enqueue(lock, stream, std::move(command));
  if (auto found = sim.events.find(id); found != sim.events.end()) {
    found->second.newest = point;  // looked up again: effects ran, and may have destroyed it
  }
  return id;
}

void wait(EventId id, StreamRef ref) {
  const Site site = log::site();
  Lock lock = enter("block");
  Stream& stream = stream_at(ref);
  const Event& event = event_at(id);
  check_intact(stream);
  follow(stream, event.newest);
  Command command;
  command.type = CommandType::Wait;
  command.event = id;
  command.version = event.version;
  command.after = event.newest;
  command.site = site;
  const StreamPoint awaited = event.newest;
  enqueue(lock, stream, std::move(command));
  if (!runs_on_demand(stream) && stream_at(awaited.stream).on_demand) {
    run_up_to(lock, awaited);  // what the stream is given next may run by itself
  }
}

bool query_event(EventId id) {
  Lock lock = enter("queryEvent");
  return query(lock, event_at(id).newest);
}

void synchronize_event(EventId id) {
  Lock lock = enter("synchronizeEvent");
  synchronize(lock, event_at(id).newest);
}

double elapsed_ms(EventId from, EventId to) {
  Lock lock = enter("elapsedTime");
  const Event& first = event_at(from);
  const Event& second = event_at(to);
  if (first.device != second.device) {
    throw Error("event " + std::to_string(from) + " is on mtia:" + std::to_string(first.device) +
                " and event " + std::to_string(to) + " on mtia:" + std::to_string(second.device) +
                ": two devices have no clock in common. Record both on one device");
  }
  if (!first.timing || !second.timing) {
    throw Error("event " + std::to_string(first.timing ? to : from) +
                " keeps no time. Make both with torch.Event(enable_timing=True)");
  }
  check_can_wait(first.newest);
  check_can_wait(second.newest);
  const Time clock = simulator().clock;
  if (first.newest.finish > clock || second.newest.finish > clock) {
    throw Error("an event of the two is still to come: synchronize before reading their times");
  }
  return static_cast<double>(second.newest.finish - first.newest.finish) / 1e6;
}

// Called from destructors, also inside an effect and in a forked child: waits for no one.
void destroy_event(EventId id) noexcept {
  std::lock_guard<std::mutex> lock(simulator().mutex);
  simulator().events.erase(id);
}

}  // namespace mtia::sim
