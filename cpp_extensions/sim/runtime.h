// The accelerator's runtime: what cudart is to CUDA. PyTorch's guard and hooks are thin views of
// it.
//
// Every function may throw Error, which says what was wrong and leaves everything as it was, unless
// it is noexcept. "Blocking" advances the virtual host clock; no thread ever waits for real time.
#pragma once

#include "device.h"
#include "profile.h"

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

// --- Current device and streams of this host thread ---------------------------------------------
int device_count() noexcept;
int checked_device(int device);  // the same index, if there is such a device
int current_device() noexcept;
void set_device(int device);
void set_device_if_valid(int device) noexcept;
int exchange_device(int device);  // returns the previous one
StreamRef current_stream(int device);
StreamRef exchange_stream(StreamRef stream);  // returns that device's previous one

// --- Streams ------------------------------------------------------------------------------------
StreamRef new_stream(int device, int priority);
StreamRef pool_stream(int device, bool high_priority);  // one of 32, in turn
int stream_priority(StreamRef stream);
int64_t native_handle(StreamRef stream);
bool is_capturing(StreamRef stream);
bool query_stream(StreamRef stream);
void run_on_demand(StreamRef stream);  // from now on: when somebody waits for it, not by itself
void demand(StreamRef stream);         // runs all it was given; to the host no time passes
void synchronize_stream(StreamRef stream);
void synchronize_device(int device);
void synchronize_chain(Chain& chain);  // its last command, and all that comes before it

// --- Events: versioned; recording again does not move earlier waits -----------------------------
EventId record(EventId event, StreamRef stream, bool timing);  // 0 makes a new event
void wait(EventId event, StreamRef stream);  // binds to the newest recording at this moment
bool query_event(EventId event);
void synchronize_event(EventId event);
double elapsed_ms(EventId from, EventId to);
void destroy_event(EventId event) noexcept;

// --- Work ---------------------------------------------------------------------------------------
void launch(std::string name, Time duration, Effect effect);  // on the current stream
// The same for an operator or a copy, whose time follows its cost. The caller says what kind of
// command it is, its name, its engine and its effect.
Recording submit(StreamRef stream, Command command, const Cost& cost);
void stage(int64_t bytes);  // the host copies them into a buffer the link can read
Time clock_now() noexcept;

// Whether a command should name the memory it uses: it will be logged, now or at a replay.
bool wants_accesses() noexcept;

}  // namespace mtia::sim
