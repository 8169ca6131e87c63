// Streams: made, queried, waited for.
#pragma once

#include "command.h"

namespace mtia::sim {

StreamRef new_stream(int device, int priority);
StreamRef pool_stream(int device, bool high_priority);  // one of 32, in turn
int stream_priority(StreamRef stream);
int64_t native_handle(StreamRef stream);
bool query_stream(StreamRef stream);
void run_on_demand(StreamRef stream);  // from now on: when somebody waits for it, not by itself
void demand(StreamRef stream);         // runs all it was given; to the host no time passes
void synchronize_stream(StreamRef stream);
void synchronize_device(int device);
void synchronize_uses(OrderedUses& uses);  // its last command, and all that comes before it

// Only a look, which may be taken anywhere, also in an effect.
StreamPoint newest_point(StreamRef stream);  // of everything enqueued on it so far
bool is_complete(const StreamPoint& point);  // whether its effects have run; runs nothing

}  // namespace mtia::sim
