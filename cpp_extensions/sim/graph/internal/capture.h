// A capture, and how it meets the rest of the simulator: what is enqueued, waited for or freed
// while it goes on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../internal/simulator.h"

namespace mtia::sim {

struct CapturedCommand {
  StreamRef stream;
  Command command;  // `after`, if any, is the place of another one in the capture
};

struct Capture {
  CaptureId id = 0;
  PoolId pool = 0;
  StreamRef origin;
  std::vector<StreamRef> streams;  // the origin and those that joined it
  std::vector<CapturedCommand> commands;
  bool open = true;
  std::string broken;  // why it cannot become a graph
};

std::shared_ptr<Capture> open_capture(const Lock& lock, StreamRef origin, PoolId pool);
void close_capture(const Lock& lock, Capture& capture);  // its streams are free again

// Its graph forgets it: from now on it is gone, or once its last replay has run.
void forget_capture(const Lock& lock, const Capture& capture,
                    const std::optional<StreamPoint>& last_replay);

std::string being_captured(StreamRef stream);  // says that it is, for messages

// Breaks the capture, and throws.
[[noreturn]] void refuse(const Lock& lock, Capture& capture, const std::string& what);

// Adds the command to the capture its stream takes part in.
StreamPoint capture(const Lock& lock, Stream& stream, Command&& command);

// Throws if the stream takes part in a capture that is broken: nothing can be enqueued then.
void check_intact(const Lock& lock, const Stream& stream);

// A wait leads a stream into the capture of what it waits for. No wait leads out of a capture, or
// from one into another: these throw and break it.
void follow(const Lock& lock, Stream& waiting, const StreamPoint& target);

// Nothing captured can be waited for or queried. These throw and break it.
void check_can_wait(const Lock& lock, const StreamPoint& target);
void check_can_wait(const Lock& lock, const Device& device);

bool is_capturing(const Lock& lock, const Device& device);
PoolId capture_pool(const Lock& lock, StreamRef stream);  // where memory for `stream` comes from
bool is_gone(const Lock& lock, CaptureId capture);  // so is its graph, and its last replay has run
bool captures_are_open() noexcept;                  // any

}  // namespace mtia::sim
