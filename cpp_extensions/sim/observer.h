// Whoever else wants to hear of each command, besides the log.
#pragma once

#include <cstddef>

#include "command.h"

namespace mtia::sim {

// Called with each command that is given to a stream, once its times are known; not while it is
// captured, but at every replay. `slots` is how many commands its engine runs at once. It runs
// under the simulator's mutex: it may not call the runtime.
using Observer = void (*)(const Command& command, StreamRef stream, size_t slots);

void set_observer(Observer observer) noexcept;  // null: nobody
Observer observer() noexcept;

}  // namespace mtia::sim
