// Device memory that the host may not touch: outside effects its pages are closed to the process.
#pragma once

#include <cstdint>

namespace mtia::sim {

// Note [Protected memory]
// ~~~~~~~~~~~~~~~~~~~~~~~
// Protection is the process's, not a thread's, since a kernel of the CPU may use several threads.
// So all device memory is opened before effects run and closed after them; what another thread
// does to it meanwhile is not seen. A touch of closed memory reaches a handler of SIGSEGV, which
// reports it to the embedder, opens the memory and lets the instruction go on: nothing crashes, and
// the program has its error at the next point where one can be raised. Memory is closed again when
// that error is, so that of several touches before it the first one counts.

// What the host did.
struct Touch {
  int device = -1;
  int64_t offset = 0;
  bool wrote = false;  // where the processor says so; else it counts as a read
};

void set_protection(bool on);  // throws Error if the system refuses. Off at first.
bool protects() noexcept;
void close_memory() noexcept;  // again, after a touch; unless it is open to somebody

// While one lives, memory is open: to effects, and where the host does the device's work.
class OpenMemory {
 public:
  OpenMemory() noexcept;
  ~OpenMemory();
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace mtia::sim
