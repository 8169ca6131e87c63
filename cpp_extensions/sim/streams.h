// Streams: made, queried, waited for.
#pragma once

#include "command.h"

namespace mtia::sim {

// Note [Stream pool]
// ~~~~~~~~~~~~~~~~~~
// new_stream() makes a stream of its own each time, with the next id of its device, so that streams
// have the same ids in every run. pool_stream() is what CUDA's getStreamFromPool is: of each device
// and each of two priorities there are 32 streams, made as they are first asked for and then handed
// out in turn, so that two callers may get the same stream. Streams are never destroyed.
StreamRef new_stream(int device, int priority);
StreamRef pool_stream(int device, bool high_priority);
int stream_priority(StreamRef stream);
int64_t native_handle(StreamRef stream);
bool query_stream(StreamRef stream);
void run_on_demand(StreamRef stream);  // from now on: when a wait demands it, not by itself
void demand(StreamRef stream);         // runs all it was given; to the host no time passes
void synchronize_stream(StreamRef stream);
void synchronize_device(int device);
void synchronize_uses(OrderedUses& uses);  // its last command, and all that comes before it

// These two run nothing and may be called anywhere, also in an effect.
StreamPoint end_of_stream(StreamRef stream);  // behind everything enqueued on it so far
bool is_complete(const StreamPoint& point);   // whether the effects before it have run

}  // namespace mtia::sim
