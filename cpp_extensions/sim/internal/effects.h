// Running the effects of commands: when their time has come, or when a synchronization demands it.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// The lock is released while effects run and held again afterwards.
void run_due(Lock& lock);                        // all whose finish is not after the clock
void run_up_to(Lock& lock, StreamPoint target);  // target and all that happens before it
void run_all(Lock& lock, Device& device);

bool has_run(const Lock& lock,
             const StreamPoint& point);  // of a captured one: whether nothing replays it any more

}  // namespace mtia::sim
