// A capture, and how it meets the rest of the simulator: what is enqueued, waited for or freed
// while it goes on. Internal to sim/; guarded by the simulator's mutex.
#pragma once

#include <string>
#include <vector>

#include "memory.h"
#include "simulator.h"

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

// Breaks the capture, and throws.
[[noreturn]] void refuse(Capture& capture, const std::string& what);

// Adds the command to the capture its stream takes part in.
Recording capture(Stream& stream, Command&& command);

// Throws if the stream takes part in a capture that is broken: nothing can be enqueued then.
void check_intact(const Stream& stream);

// A wait leads a stream into the capture of what it waits for. No wait leads out of a capture, or
// from one into another: these throw and break it.
void follow(Stream& waiting, const Recording& target);

// Nothing captured can be waited for, or asked whether it is done. These throw and break it.
void check_can_wait(const Recording& target);
void check_can_wait(const Device& device);

bool is_capturing(const Device& device);
bool is_gone(CaptureId capture);  // so is its graph, and its last replay has run

}  // namespace mtia::sim
