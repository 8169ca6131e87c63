// The one way a command gets into a stream.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// Gives `command` its id and times, queues it on `stream`, logs it, and runs what has become due.
// The caller fills in everything else. Returns the recording that stands for the command.
Recording enqueue(Lock& lock, Stream& stream, Command command);

}  // namespace mtia::sim
