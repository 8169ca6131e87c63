#include "replay.h"

#include <vector>

#include "../../internal/effects.h"
#include "../../internal/enqueue.h"
#include "../../internal/synchronize.h"

namespace mtia::sim {

namespace {
StreamRef place_of(StreamRef captured, const Capture& capture, StreamRef target) {
  return captured == capture.origin ? target : captured;
}
}  // namespace

void check_can_replay(const Capture& capture, StreamRef target) {
  if (target.device != capture.origin.device) {
    throw Error("a graph captured on mtia:" + std::to_string(capture.origin.device) +
                " cannot be replayed on " + to_string(target) +
                ": its commands use the memory of their device. Make that device current first");
  }
  for (const StreamRef& ref : capture.streams) {
    const Stream& stream = stream_at(place_of(ref, capture, target));
    if (stream.capture != nullptr) {
      refuse(*stream.capture, "a graph cannot be replayed on " + to_string(stream.ref) +
                                  ", which is being captured into another one");
    }
  }
}

// Also for one that has run: the order is a promise, not this schedule's luck, and the log says it.
void wait_for_replay(StreamRef ref, const std::optional<StreamPoint>& replay) {
  if (!replay || replay->stream == ref) {
    return;
  }
  Command command;
  command.type = CommandType::Wait;
  command.name = intern("last replay");
  command.after = replay;
  put(stream_at(ref), std::move(command));
}

StreamPoint enqueue_all(Lock& lock, const Capture& capture, StreamRef target, const Site& site) {
  simulator().clock += simulator().profile.launch;
  StreamPoint end = newest(stream_at(target));
  std::vector<StreamPoint> done;
  done.reserve(capture.commands.size());
  for (const CapturedCommand& captured : capture.commands) {
    Stream& stream = stream_at(place_of(captured.stream, capture, target));
    Command command = captured.command;
    command.site = site;
    if (command.after) {
      command.after = done[command.after->command];
    }
    wait_for_room(lock, stream);
    done.push_back(put(stream, std::move(command)));
    run_due(lock);
    if (captured.stream == capture.origin) {
      end = done.back();
    }
  }
  return end;
}

}  // namespace mtia::sim
