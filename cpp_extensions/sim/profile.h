// What the simulated device costs and how much of it there is. The figures, with their sources,
// are given by mtia_lab.Profile in Python; here they are only named.
#pragma once

#include "types.h"

namespace mtia::sim {

struct Profile {
  Time launch = 0;             // host time to enqueue a kernel
  Time event = 0;              // host time to enqueue an event record or wait
  Time synchronize = 0;        // host time of a synchronisation; a longer wait hides it
  Time query = 0;              // host time of a query
  int64_t kernel_slots = 1;    // kernels that run at once on one device
  int64_t queue_depth = 1024;  // commands a stream holds before a launch waits

  // Sets the field called `name`; throws Error for an unknown name or a value out of range.
  void set(const std::string& name, int64_t value);
};

}  // namespace mtia::sim
