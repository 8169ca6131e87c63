// What the simulator asks of the program it runs in. It includes no Python: whoever embeds it says
// how an interpreter lock is given up and where a call comes from.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "types.h"

namespace mtia::sim {

// A command whose effect threw: which one it was, in words, and what it threw.
struct Failure {
  std::string what;
  std::exception_ptr error;
};

struct Host {
  virtual ~Host() = default;

  // Give up the interpreter lock if this thread holds it; the token goes to acquire().
  virtual void* release() noexcept { return nullptr; }
  virtual void acquire(void* /*token*/) noexcept {}

  // The line of the reader's program that this thread is running. Asked only while recording.
  virtual Site call_site() noexcept { return {}; }

  // What is kept of what an effect threw until it is reported; null if it is no failure of the
  // command but meant for the program, such as an interrupt: the host then sees that it is raised.
  virtual std::exception_ptr keep(std::exception_ptr error) noexcept { return error; }

  // This thread has run the effects that it was to run.
  virtual void effects_are_done() noexcept {}

  // Throws what was raised on this thread where nothing may be thrown, if anything was.
  virtual void throw_what_is_due() {}

  // Asked again and again while this thread waits for another one, which has this number for the
  // system, to run effects: now that of `command`. Throws if it should not go on waiting.
  virtual void check_wait(std::uintptr_t /*thread*/, const std::string& /*command*/) {}

  // Why a command failed, in words; and one exception for all that failed. `text` says it all.
  virtual std::string reason(const std::exception_ptr& error);
  [[noreturn]] virtual void raise(const std::string& text, const std::vector<Failure>& failures);
};

void set_host(Host& host) noexcept;
Host& host() noexcept;

}  // namespace mtia::sim
