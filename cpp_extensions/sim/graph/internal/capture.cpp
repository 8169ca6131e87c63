#include "capture.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "../../embedder.h"
#include "../../internal/effects.h"

namespace mtia::sim {

namespace {
struct Captures {
  std::unordered_map<CaptureId, Capture*> all;              // of graphs that there are
  std::unordered_map<CaptureId, StreamPoint> last_replays;  // of captures whose graph is gone
  CaptureId last = 0;
};

Captures& captures(const Lock&) {
  static auto* const instance = new Captures;  // never deleted, as the simulator
  return *instance;
}

std::atomic<int> open_count{0};

Capture* find_open_capture(const Lock& lock, CaptureId id) {  // null: there is none, or it is over
  const auto& all = captures(lock).all;
  const auto found = all.find(id);
  return found != all.end() && found->second->open ? found->second : nullptr;
}
}  // namespace

std::string being_captured(StreamRef stream) {
  return str(stream, ", which is being captured into a graph");
}

std::shared_ptr<Capture> open_capture(const Lock& lock, StreamRef origin, PoolId pool) {
  auto capture = std::make_shared<Capture>();
  capture->id = ++captures(lock).last;
  capture->pool = pool;
  capture->origin = origin;
  capture->streams = {origin};
  captures(lock).all[capture->id] = capture.get();
  stream_at(lock, origin).capture = capture.get();
  ++open_count;
  return capture;
}

void close_capture(const Lock& lock, Capture& capture) {
  if (std::exchange(capture.open, false)) {
    --open_count;
    for (const StreamRef& stream : capture.streams) {
      stream_at(lock, stream).capture = nullptr;
    }
  }
}

void forget_capture(const Lock& lock, const Capture& capture,
                    const std::optional<StreamPoint>& last_replay) {
  captures(lock).all.erase(capture.id);
  if (last_replay && !has_run(lock, *last_replay)) {
    captures(lock).last_replays[capture.id] = *last_replay;
  }
}

void refuse(const Lock&, Capture& capture, const std::string& what) {
  const std::string text =
      str(what,
          ". What is captured runs only when the graph is replayed. Capture again with this before "
          "the capture or after a replay",
          embedder().advice(Advice::WaitsInCapture, 0));
  if (capture.broken.empty()) {
    capture.broken = text;
  }
  throw Error(text + ". The capture cannot become a graph any more");
}

StreamPoint capture(const Lock&, Stream& stream, Command&& command) {
  Capture& capture = *stream.capture;
  const auto place = static_cast<CommandId>(capture.commands.size());
  capture.commands.push_back({stream.ref, std::move(command)});
  return {stream.ref, place, 0, capture.id};
}

void check_intact(const Lock&, const Stream& stream) {
  if (stream.capture != nullptr && !stream.capture->broken.empty()) {
    throw Error(
        str("nothing more can be enqueued on ", being_captured(stream.ref),
            ": the capture is broken. End it first; it broke when: ", stream.capture->broken));
  }
}

void follow(const Lock& lock, Stream& waiting, const StreamPoint& target) {
  Capture* ours = waiting.capture;
  Capture* theirs = find_open_capture(lock, target.capture);
  if (ours == theirs && (ours != nullptr || target.capture == 0)) {
    return;
  }
  const std::string wait = str(waiting.ref, " cannot wait for an event of ", target.stream);
  if (ours != nullptr) {
    refuse(lock, *ours,
           str(wait, " that was recorded ",
               target.capture != 0 ? "in another capture" : "before the capture",
               ": a graph knows only the order of its own commands"));
  }
  if (theirs == nullptr) {
    throw Error(str(wait,
                    " that was recorded in a capture, now over: at a replay the event is not "
                    "recorded again. Record one after the replay, and wait for that"));
  }
  if (!theirs->broken.empty()) {
    throw Error(str(wait, ": its capture is broken. It broke when: ", theirs->broken));
  }
  waiting.capture = theirs;
  theirs->streams.push_back(waiting.ref);
}

void check_can_wait(const Lock& lock, const StreamPoint& target) {
  if (target.capture == 0) {
    return;
  }
  if (Capture* open = find_open_capture(lock, target.capture)) {
    refuse(lock, *open, "cannot query or wait for " + being_captured(target.stream));
  }
  throw Error(
      "cannot query or wait for an event that was recorded in a capture, now over: at a "
      "replay the event is not recorded again. Record one after the replay");
}

void check_can_wait(const Lock& lock, const Device& device) {
  for (const Stream& stream : device.streams) {
    if (stream.capture != nullptr) {
      refuse(lock, *stream.capture,
             str("cannot wait for mtia:", device.index, " with ", being_captured(stream.ref)));
    }
  }
}

bool is_capturing(const Lock&, const Device& device) {
  return std::any_of(device.streams.begin(), device.streams.end(),
                     [](const Stream& stream) { return stream.capture != nullptr; });
}

PoolId capture_pool(const Lock& lock, StreamRef stream) {
  const Capture* capture = stream_at(lock, stream).capture;
  return capture == nullptr ? 0 : capture->pool;
}

bool captures_are_open() noexcept { return open_count.load(std::memory_order_relaxed) > 0; }

bool is_gone(const Lock& lock, CaptureId id) {
  auto& [all, last_replays, last] = captures(lock);
  if (all.count(id) != 0) {
    return false;
  }
  const auto replay = last_replays.find(id);
  if (replay == last_replays.end()) {
    return true;
  }
  if (!has_run(lock, replay->second)) {
    return false;
  }
  last_replays.erase(replay);
  return true;
}

}  // namespace mtia::sim
