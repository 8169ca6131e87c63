// The embedder: the program that hosts the simulator. The simulator includes no Python; its
// embedder knows how an interpreter lock is given up, where a call comes from, and in which words
// its users read what to do about an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "command.h"
#include "memory/protection.h"

namespace mtia::sim {

// A command whose effect threw: which one it was, in words, and what it threw.
struct Failure {
  std::string what;
  std::exception_ptr error;
};

// What went wrong, for which the embedder may have advice. Some come with a number.
enum class Advice {
  CaptureGoesOn,    // what was called needs the capture to be over
  CaptureIsKept,    // the graph holds a capture, where an empty one is needed
  CountIsFixed,     // of devices; the number: how many there should be
  EndedElsewhere,   // a capture, on another stream than it began on
  Forked,           // the process, after the first use of the device
  Instantiated,     // the graph, by the end of its capture
  NeverJoined,      // the origin of a capture, with a stream that joined the capture
  NoTiming,         // in an event whose time is read
  NotCapturing,     // where the end of a capture is called
  NothingCaptured,  // in a graph that is used
  ReportedAtEnd,    // a failure, since nothing synchronized before
  ReportedLate,     // a failure, since its command was enqueued and ran later
  UnknownDevice,
  UnknownPool,
  UnknownStream,   // the number: its device
  WaitsInCapture,  // something that waits for what is being captured
  WorkIsPending,   // the number: on which device
};

struct Embedder {
  virtual ~Embedder() = default;

  // Give up the interpreter lock if this thread holds it; the token goes to acquire().
  virtual void* release() noexcept { return nullptr; }
  virtual void acquire(void* /*token*/) noexcept {}

  // The line of the user's program that this thread is running. Called only while recording.
  virtual Site call_site() noexcept { return {}; }

  // The host touched protected memory just now, on this thread, which is in the handler of a
  // signal: nothing may be thrown or take long. It is to be raised soon; close_memory() comes
  // before.
  virtual void host_touched(const Touch& /*touch*/) noexcept {}

  // What is kept of what an effect threw until it is reported; null if it is no failure of the
  // command but meant for the program, such as an interrupt: the embedder then raises it later.
  virtual std::exception_ptr keep(std::exception_ptr error) noexcept { return error; }

  // This thread has run the effects that it was to run.
  virtual void effects_are_done() noexcept {}

  // Throws what was raised on this thread where nothing may be thrown, if anything was.
  virtual void throw_what_is_due() {}

  // Called again and again while this thread waits for another one, which has this number for the
  // system, to run effects: now that of `command`. Throws if it should not go on waiting.
  virtual void check_wait(std::uintptr_t /*thread*/, const std::string& /*command*/) {}

  // Why a command failed, in words; and one exception for all that failed. `text` says it all.
  virtual std::string reason(const std::exception_ptr& error);
  [[noreturn]] virtual void raise(const std::string& text, const std::vector<Failure>& failures);

  // What a function of the simulator is called by those who call it.
  virtual std::string name_of(const char* function) { return function; }

  // What to do about an error, to come after what and why; empty, or with its punctuation before
  // it.
  virtual std::string advice(Advice /*about*/, int64_t /*number*/) { return ""; }
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
