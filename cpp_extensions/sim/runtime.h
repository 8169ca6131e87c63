// The accelerator's runtime: what cudart is to CUDA.
//
// Every function may throw Error, which says what was wrong and leaves everything as it was, unless
// it is noexcept. "Blocking" advances the virtual host clock; no thread ever waits for real time:
// Note [Virtual time] in internal/simulator.h.
#pragma once

#include <string>

#include "command.h"
#include "events.h"
#include "host_thread.h"
#include "profile.h"
#include "streams.h"

namespace mtia::sim {

// --- Set-up -------------------------------------------------------------------------------------
void set_device_count(int count);                                     // once, before the first use
void configure(const std::string& schedule, const Profile& profile);  // only when idle
std::string schedule_name();
Profile profile();
void shut(const std::string& why);  // from here on all of the device refuses, with these words
void check_open();                  // throws if it is shut
void initialize();                  // from here on a forked child cannot use the device
bool is_touched(int device);
void finish();  // the program ends: what is pending happens, and what failed anywhere is thrown

// --- Work ---------------------------------------------------------------------------------------
void launch(std::string name, Time duration, Effect effect);  // on the current stream
// The same for an operator or a copy, whose time follows its cost. The caller says what kind of
// command it is, its name, its engine and its effect.
StreamPoint submit(StreamRef stream, Command command, const Cost& cost);
void stage(int64_t bytes);  // the host copies them into a buffer the link can read
void host_uses_memory();    // the host is about to use pinned memory, which will be in the log
Time clock_now() noexcept;

// Whether memory that the device is still to write reads as poison, so that it shows who looks at
// it too soon: what was there before may be the very same bytes.
bool hides_downloads() noexcept;

// Whether a command should name the memory it uses: it will be logged, now or at a replay.
bool wants_accesses() noexcept;

}  // namespace mtia::sim
