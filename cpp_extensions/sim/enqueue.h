// The one way a command gets into a stream.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// Gives `command` its id and times, queues it on `stream`, logs it, and runs what has become due.
// The caller fills in type, name, effect, and what a wait waits for. `duration` is modelled time:
// 0 but for kernels. A record or wait names its event and version, for the log.
// Returns the recording that stands for the command.
Recording enqueue(Lock& lock, Stream& stream, Command command, Time duration, EventId event = 0,
                  int64_t version = 0);

}  // namespace mtia::sim
