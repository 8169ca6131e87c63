#include "capture.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "../../internal/effects.h"

namespace mtia::sim {

namespace {
struct Captures {
  std::unordered_map<CaptureId, Capture*> all;              // of graphs that there are
  std::unordered_map<CaptureId, StreamPoint> last_replays;  // of captures whose graph is gone
  std::atomic<int> open{0};
  CaptureId last = 0;
};

Captures& captures() {
  static auto* const instance = new Captures;  // never deleted, as the simulator
  return *instance;
}

Capture* find_open_capture(CaptureId id) {  // null: there is none, or it is over
  const auto& all = captures().all;
  const auto found = all.find(id);
  return found != all.end() && found->second->open ? found->second : nullptr;
}

const char* const kAdvice =
    "What is captured runs only when the graph is replayed. Capture again with this before the "
    "capture or after a replay. (item(), printing, copies from and to pageable memory, operators "
    "whose result's size depends on values, and seeding wait, too)";
}  // namespace

std::string being_captured(StreamRef stream) {
  return to_string(stream) + ", which is being captured into a graph";
}

std::shared_ptr<Capture> open_capture(StreamRef origin, PoolId pool) {
  auto capture = std::make_shared<Capture>();
  capture->id = ++captures().last;
  capture->pool = pool;
  capture->origin = origin;
  capture->streams = {origin};
  captures().all[capture->id] = capture.get();
  ++captures().open;
  stream_at(origin).capture = capture.get();
  return capture;
}

void close_capture(Capture& capture) {
  if (std::exchange(capture.open, false)) {
    --captures().open;
    for (const StreamRef& stream : capture.streams) {
      stream_at(stream).capture = nullptr;
    }
  }
}

void forget_capture(const Capture& capture, const std::optional<StreamPoint>& last_replay) {
  captures().all.erase(capture.id);
  if (last_replay && !has_run(*last_replay)) {
    captures().last_replays[capture.id] = *last_replay;
  }
}

void refuse(Capture& capture, const std::string& what) {
  const std::string text = what + ". " + kAdvice;
  if (capture.broken.empty()) {
    capture.broken = text;
  }
  throw Error(text + ". The capture cannot become a graph any more");
}

StreamPoint capture(Stream& stream, Command&& command) {
  Capture& capture = *stream.capture;
  const auto place = static_cast<CommandId>(capture.commands.size());
  capture.commands.push_back({stream.ref, std::move(command)});
  return {stream.ref, place, 0, capture.id};
}

void check_intact(const Stream& stream) {
  if (stream.capture != nullptr && !stream.capture->broken.empty()) {
    throw Error("nothing more can be enqueued on " + being_captured(stream.ref) +
                ": the capture is broken. End it first; it broke when: " + stream.capture->broken);
  }
}

void follow(Stream& waiting, const StreamPoint& target) {
  Capture* ours = waiting.capture;
  Capture* theirs = find_open_capture(target.capture);
  if (ours == theirs && (ours != nullptr || target.capture == 0)) {
    return;
  }
  const std::string wait = to_string(waiting.ref) + " cannot wait for an event of ";
  if (ours != nullptr) {
    refuse(*ours, wait + to_string(target.stream) + " that was recorded " +
                      (target.capture != 0 ? "in another capture" : "before the capture") +
                      ": a graph knows only the order of its own commands");
  }
  if (theirs == nullptr) {
    throw Error(wait + to_string(target.stream) +
                " that was recorded in a capture, now over: at a replay the event is not recorded "
                "again. Record one after the replay, and wait for that");
  }
  if (!theirs->broken.empty()) {
    throw Error(wait + to_string(target.stream) +
                ": its capture is broken. It broke when: " + theirs->broken);
  }
  waiting.capture = theirs;
  theirs->streams.push_back(waiting.ref);
}

void check_can_wait(const StreamPoint& target) {
  if (target.capture == 0) {
    return;
  }
  if (Capture* open = find_open_capture(target.capture)) {
    refuse(*open, "cannot query or wait for " + being_captured(target.stream));
  }
  throw Error(
      "cannot query or wait for an event that was recorded in a capture, now over: at a "
      "replay the event is not recorded again. Record one after the replay");
}

void check_can_wait(const Device& device) {
  for (const Stream& stream : device.streams) {
    if (stream.capture != nullptr) {
      refuse(*stream.capture, "cannot wait for mtia:" + std::to_string(device.index) + " with " +
                                  being_captured(stream.ref));
    }
  }
}

bool is_capturing(const Device& device) {
  return std::any_of(device.streams.begin(), device.streams.end(),
                     [](const Stream& stream) { return stream.capture != nullptr; });
}

PoolId capture_pool(StreamRef stream) {
  const Capture* capture = stream_at(stream).capture;
  return capture == nullptr ? 0 : capture->pool;
}

bool captures_are_open() noexcept { return captures().open.load(std::memory_order_relaxed) > 0; }

bool is_gone(CaptureId id) {
  auto& [all, last_replays, open, last] = captures();
  if (all.count(id) != 0) {
    return false;
  }
  const auto replay = last_replays.find(id);
  if (replay == last_replays.end()) {
    return true;
  }
  if (!has_run(replay->second)) {
    return false;
  }
  last_replays.erase(replay);
  return true;
}

}  // namespace mtia::sim
