#include "graph_capture.h"

#include <algorithm>

#include "graph.h"
#include "graph_store.h"

namespace mtia::sim {

namespace {
const char* const kAdvice =
    "What is captured runs only when the graph is replayed. Capture again with this before the "
    "capture or after a replay. (item(), printing, copies from and to pageable memory, operators "
    "whose result's size depends on values, and seeding wait, too)";

std::string being_captured(StreamRef stream) {
  return to_string(stream) + ", which is being captured into a graph";
}
}  // namespace

void refuse(Capture& capture, const std::string& what) {
  const std::string text = what + ". " + kAdvice;
  if (capture.broken.empty()) {
    capture.broken = text;
  }
  throw Error(text + ". The capture cannot become a graph any more");
}

Recording capture(Stream& stream, Command&& command) {
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

void follow(Stream& waiting, const Recording& target) {
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

void check_can_wait(const Recording& target) {
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

void check_not_capturing(StreamRef ref, const char* what) {
  check_stream(ref);
  Lock lock(simulator().mutex);
  if (Capture* capture = stream_at(ref).capture) {
    refuse(*capture, std::string(what) + " would wait for " + being_captured(ref));
  }
}

// Only a look, so it may be asked anywhere.
bool is_capturing(StreamRef ref) {
  check_stream(ref);
  Lock lock(simulator().mutex);
  return stream_at(ref).capture != nullptr;
}

bool is_capturing(const Device& device) {
  return std::any_of(device.streams.begin(), device.streams.end(),
                     [](const Stream& stream) { return stream.capture != nullptr; });
}

PoolId capture_pool(StreamRef stream) {
  const Capture* capture = stream_at(stream).capture;
  return capture == nullptr ? 0 : capture->pool;
}

}  // namespace mtia::sim
