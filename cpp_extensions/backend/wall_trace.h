// The commands of the device on the wall clock, for whoever shows them next to a measured host.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../sim/command.h"

namespace mtia::backend {

using Wall = int64_t;  // nanoseconds since the epoch

struct WallCommand {
  sim::CommandId id;
  std::string name;
  sim::StreamRef stream;
  Wall enqueue, start, finish;
  int32_t thread;  // the host thread that enqueued it, by the system's number
  uint64_t op;     // the operator that enqueued it, by the profiler's number; 0: none
};

// The device has virtual time, the host is measured on the wall clock, and a profiler has one
// axis. So the device is shown as if it had been fed at the pace of the wall clock: a command
// starts when it was really enqueued, or later by the simulator's start rule (see place() in
// sim/internal/enqueue.cpp), and takes its virtual duration, which is exact. But the host never
// waits for the device in wall-clock time: a synchronization may return before the bar ends.
class WallTrace {
 public:
  // Forgets what it has, and starts with a device that has nothing to do.
  void begin();
  // What an observer is told, and which thread and which operator gave the command.
  void add(const sim::Command& command, sim::StreamRef stream, size_t slots, int32_t thread,
           uint64_t op);
  std::vector<WallCommand> of_device(int device);

 private:
  std::mutex mutex_;
  std::vector<WallCommand> commands_;
  std::unordered_map<sim::CommandId, Wall> finishes_;
  std::map<std::pair<int, sim::StreamId>, Wall> streams_;             // when each is free
  std::map<std::pair<int, sim::Engine>, std::vector<Wall>> engines_;  // and each slot of each
};

}  // namespace mtia::backend
