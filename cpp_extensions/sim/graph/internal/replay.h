// A replay: the captured commands, enqueued again.
#pragma once

#include "capture.h"

namespace mtia::sim {

void check_can_replay(const Lock& lock, const Capture& capture, StreamRef target);

// Whatever `stream` is given from now on comes after the replay.
void wait_for_replay(const Lock& lock, StreamRef stream, const std::optional<StreamPoint>& replay);

StreamPoint enqueue_all(Lock& lock, const Capture& capture, StreamRef target, const Site& site);

}  // namespace mtia::sim
