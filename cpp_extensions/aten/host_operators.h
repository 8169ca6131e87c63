// Operators of the host that use pinned memory: the log's other half of a race with a copy.
#pragma once

namespace mtia::aten {

// To be called when a recording has begun or ended: while the log wants to know what the host does,
// PyTorch tells of every operator that is called.
void watch_host();

}  // namespace mtia::aten
