// What "current" means: each host thread has a current device, and a current stream per device.
// This is the only copy of that state; guard and hooks are two doors to it.
#pragma once

#include <array>

#include "types.h"

namespace mtia::sim {

struct CallRecord;

struct HostThread {
  int number = -1;  // logical, in order of first runtime call; never a pid
  int device = 0;
  std::array<StreamId, kMaxDevices> streams{};  // current stream of each device
  bool in_effect = false;                       // running a command's effect right now
  CallRecord* call = nullptr;                   // the recorded call this thread is in
};

HostThread& this_thread() noexcept;

}  // namespace mtia::sim
