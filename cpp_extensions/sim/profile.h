// What the simulated device costs and how much of it there is. The embedder gives the figures; here
// they are only named.
#pragma once

#include "types.h"

namespace mtia::sim {

// What an operator or a copy moves, and how much it computes.
struct Cost {
  int64_t memory_bytes = 0;       // read and written in the device's memory
  int64_t link_bytes = 0;         // to or from the host or another device
  int64_t vector_operations = 0;  // everything but what follows
  int64_t matrix_operations = 0;  // products of 16-bit floating point; 8-bit ones count half
};

struct Profile {
  Time launch = 0;                // host time to enqueue a kernel
  Time event = 0;                 // host time to enqueue an event record or wait
  Time synchronize = 0;           // host time of a synchronization; a longer wait hides it
  Time query = 0;                 // host time of a query
  int64_t kernel_slots = 1;       // kernels that run at once on one device
  int64_t queue_depth = 1024;     // commands a stream holds before a launch waits
  Time allocate = 0;              // host time to get new memory from the device
  Time latency = 0;               // device time before an operator or copy moves its first byte
  int64_t memory_bandwidth = 1;   // bytes a microsecond
  int64_t link_bandwidth = 1;     // to the host or to another device, each way
  int64_t vector_throughput = 1;  // operations a microsecond
  int64_t matrix_throughput = 1;  // of 16-bit floating point
  int64_t memory_bytes = int64_t{1} << 37;  // 128 GiB

  // Sets the field called `name`; throws Error for an unknown name or a value out of range.
  void set(const std::string& name, int64_t value);

  // The latency, and then what takes longest.
  Time time_of(const Cost& cost) const;
};

}  // namespace mtia::sim
