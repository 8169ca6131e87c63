// What "current" means: each host thread has a current device, and a current stream per device.
// This is the only copy of that state.
#pragma once

#include <array>

#include "types.h"

namespace mtia::sim {

struct CallRecord;

// [host_thread.host_thread]
struct HostThread {
  int number = -1;  // logical, in order of first runtime call; never a pid
  int device = 0;
  std::array<StreamId, kMaxDevices> streams{};  // current stream of each device
  bool in_effect = false;                       // running a command's effect right now
  CallRecord* call = nullptr;                   // the recorded call this thread is in
};

HostThread& this_thread() noexcept;
bool is_known_thread() noexcept;  // whether it has a number: it has called the runtime

// Of this thread: checked, but never locked.
int device_count() noexcept;
int checked_device(int device);  // the same index, if there is such a device
int current_device() noexcept;
void set_device(int device);
void set_device_if_valid(int device) noexcept;
int exchange_device(int device);  // returns the previous one
StreamRef current_stream(int device);
StreamRef exchange_stream(StreamRef stream);  // returns that device's previous one

}  // namespace mtia::sim
