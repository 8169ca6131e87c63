// Operators of the host that use pinned memory: the log's other half of a race with a copy.
#pragma once

namespace mtia::aten {

// From the first watch to the last unwatch, PyTorch tells of every operator that is called.
void watch_host(bool wanted);
void unwatch_host(bool wanted);

}  // namespace mtia::aten
