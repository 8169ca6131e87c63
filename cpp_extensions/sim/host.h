// What the simulator asks of the program it runs in. It includes no Python: whoever embeds it says
// how an interpreter lock is given up and where a call comes from.
#pragma once

#include "types.h"

namespace mtia::sim {

struct Host {
  virtual ~Host() = default;

  // Give up the interpreter lock if this thread holds it; the token goes to acquire().
  virtual void* release() noexcept { return nullptr; }
  virtual void acquire(void* /*token*/) noexcept {}

  // The line of the reader's program that this thread is running. Asked only while recording.
  virtual Site call_site() noexcept { return {}; }
};

void set_host(Host& host) noexcept;
Host& host() noexcept;

}  // namespace mtia::sim
