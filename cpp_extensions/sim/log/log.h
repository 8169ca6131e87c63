// The one log: every call PyTorch makes into the backend, every command the device is given.
#pragma once

#include <mutex>

#include "records.h"
#include "tape.h"

namespace mtia::sim::log {

constexpr int64_t kValueBytes = 256;  // of what a command wrote, at most

bool recording() noexcept;

// The reader's line that this thread is running, while recording; else nothing, at no cost.
// May take the interpreter lock, so call it before taking the simulator's mutex.
Site site() noexcept;

std::mutex& mutex() noexcept;  // for fork handlers only
CallId next_call() noexcept;
CallId calls_so_far() noexcept;
void append(const CallRecord& record);
void append(CommandRecord record);  // to the call this thread is in, if it is in one
void append(MemoryRecord record);   // likewise, and so are the next three
void append(HostRecord record);
void append(ValueRecord record);
void append(RangeRecord record);
void waited(Time from, Time to);  // the call this thread is in, if it is in one
void synchronized(Known known);   // likewise
void mark(const char* marker);    // likewise: what it stands for

// Whether anybody wants to know what the host does with pinned memory, and what commands left in
// the memory they wrote.
bool wants_host() noexcept;
bool wants_values() noexcept;

// Recordings nest. begin() gives the position at which one starts; read() gives all records from
// there on, to be looked at without the log's mutex; end() closes it, and the last end() frees the
// log, but for what was read.
int64_t begin(bool host = false, bool values = false);
Part read(int64_t position);
void end(bool host = false, bool values = false);

}  // namespace mtia::sim::log
