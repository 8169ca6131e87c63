// The one way a command gets into a stream.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// Gives `command` to `stream`: queues it there and runs what has become due, or adds it to the
// capture the stream takes part in. The caller fills in what it is and does. Returns the point
// behind the command. If it throws, `command` is as it was.
StreamPoint enqueue(Lock& lock, Stream& stream, Command&& command);

// Two steps of it, which a replay makes for every command. put() gives the command its times,
// queues and logs it, and runs nothing.
void wait_for_room(Lock& lock, Stream& stream);
StreamPoint put(const Lock& lock, Stream& stream, Command&& command);

}  // namespace mtia::sim
