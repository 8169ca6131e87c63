// Ranges of the program's own, as `torch.profiler.record_function` names them.
#pragma once

namespace mtia::aten {

// To be called when a recording has begun or ended: while there is one, ranges are in the log.
void watch_ranges();

}  // namespace mtia::aten
