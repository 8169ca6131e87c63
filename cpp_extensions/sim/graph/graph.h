// Graphs: commands that were captured instead of run, to be enqueued as often as wanted at the
// cost of one launch. As CUDA's.
#pragma once

#include <string>

#include "../types.h"

namespace mtia::sim {

using GraphId = int64_t;

PoolId new_pool();  // for graphs that are to share one

GraphId new_graph(bool keep);                // `keep`: instantiate() is left to the caller
void reset_graph(GraphId graph);             // forgets what was captured
void destroy_graph(GraphId graph) noexcept;  // from destructors
PoolId pool_of(GraphId graph);               // where its memory is
std::string graph_as_dot(GraphId graph);     // in the DOT language

// What is enqueued on the current stream from now on is captured, and on every stream that waits
// for an event of the capture. Memory for these streams comes from `pool`; 0: one of its own.
void begin_capture(GraphId graph, PoolId pool);
void end_capture(GraphId graph);  // throws if the capture is not whole, and ends it all the same

void instantiate(GraphId graph);
void replay(GraphId graph);  // on the current stream, in place of the one it was captured on

bool is_capturing(StreamRef stream);

// Throws if `stream` is being captured, as `what` would wait for it. Before anything is enqueued.
void check_not_capturing(StreamRef stream, const char* what);

}  // namespace mtia::sim
