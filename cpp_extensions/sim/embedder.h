// The embedder: the program that hosts the simulator. The simulator includes no Python; its
// embedder knows how an interpreter lock is given up and where a call comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "command.h"

namespace mtia::sim {

// A command whose effect threw: which one it was, in words, and what it threw.
struct Failure {
  std::string what;
  std::exception_ptr error;
};

struct Embedder {
  virtual ~Embedder() = default;

  // Give up the interpreter lock if this thread holds it; the token goes to acquire().
  virtual void* release() noexcept { return nullptr; }
  virtual void acquire(void* /*token*/) noexcept {}

  // The line of the reader's program that this thread is running. Asked only while recording.
  virtual Site call_site() noexcept { return {}; }

  // What is kept of what an effect threw until it is reported; null if it is no failure of the
  // command but meant for the program, such as an interrupt: the embedder then sees that it is
  // raised.
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

void set_embedder(Embedder& embedder) noexcept;
Embedder& embedder() noexcept;

// Called with each command that is given to a stream, once its times are known; not while it is
// captured, but at every replay. `slots` is how many commands its engine runs at once. It runs
// under the simulator's mutex: it may not call the runtime.
using Observer = void (*)(const Command& command, StreamRef stream, size_t slots);

void set_observer(Observer observer) noexcept;  // null: none
Observer observer() noexcept;

}  // namespace mtia::sim
