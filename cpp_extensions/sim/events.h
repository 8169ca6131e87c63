// Events. Each event record is a version; a wait binds to the version that is newest when it is
// called.
#pragma once

#include "types.h"

namespace mtia::sim {

EventId record(EventId event, StreamRef stream, bool timing);  // 0 makes a new event
void wait(EventId event, StreamRef stream);  // binds to the newest record at this moment
bool query_event(EventId event);
void synchronize_event(EventId event);
double elapsed_ms(EventId from, EventId to);
void destroy_event(EventId event) noexcept;

}  // namespace mtia::sim
