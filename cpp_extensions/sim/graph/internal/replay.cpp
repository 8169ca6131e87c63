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

void check_can_replay(const Lock& lock, const Capture& capture, StreamRef target) {
  if (target.device != capture.origin.device) {
    throw Error(str("a graph captured on mtia:", capture.origin.device, " cannot be replayed on ",
                    target,
                    ": its commands use the memory of their device. Make that device current "
                    "first"));
  }
  for (const StreamRef& ref : capture.streams) {
    const Stream& stream = stream_at(lock, place_of(ref, capture, target));
    if (stream.capture != nullptr) {
      refuse(lock, *stream.capture,
             str("a graph cannot be replayed on ", stream.ref,
                 ", which is being captured into another one"));
    }
  }
}

// Also for one that has run: the order holds under every schedule, and the log shows it.
void wait_for_replay(const Lock& lock, StreamRef ref, const std::optional<StreamPoint>& replay) {
  if (!replay || replay->stream == ref) {
    return;
  }
  Command command;
  command.type = CommandType::Wait;
  command.name = intern("last replay");
  command.after = replay;
  put(lock, stream_at(lock, ref), std::move(command));
}

StreamPoint enqueue_all(Lock& lock, const Capture& capture, StreamRef target, const Site& site) {
  lock->clock += lock->profile.launch;
  StreamPoint end = end_of(lock, stream_at(lock, target));
  std::vector<StreamPoint> done;
  done.reserve(capture.commands.size());
  for (const CapturedCommand& captured : capture.commands) {
    Stream& stream = stream_at(lock, place_of(captured.stream, capture, target));
    Command command = captured.command;
    command.site = site;
    if (command.after) {
      command.after = done[command.after->command];
    }
    wait_for_room(lock, stream);
    done.push_back(put(lock, stream, std::move(command)));
    run_due(lock);
    if (captured.stream == capture.origin) {
      end = done.back();
    }
  }
  return end;
}

}  // namespace mtia::sim
