// The hooks about graphs: what torch.mtia.MTIAGraph and torch.mtia.graph_pool_handle() call.
#include "../sim/graph/graph.h"
#include "graph.h"
#include "hooks.h"
#include "trace.h"

namespace mtia::backend {

// Contract: a handle for a graph that holds nothing yet. With `keep_graph`, the end of a capture
// leaves it to instantiate(), or to the first replay, to make it ready.
int64_t MTIAHooks::mtiagraphCreate(bool keep_graph) const {
  return traced("hooks", "mtiagraphCreate", [&] { return sim::new_graph(keep_graph); }, keep_graph);
}

// Contract: forget the graph, never throwing: it comes from a destructor. Replays that are
// enqueued still run.
void MTIAHooks::mtiagraphDestroy(int64_t handle) const {
  traced("hooks", "mtiagraphDestroy", [&] { sim::destroy_graph(handle); }, handle);
}

// Contract: capture what is enqueued on the current stream from now on. Pool (0, 0) means one of
// the graph's own. The current stream may be the default one: torch.mtia.graph takes it.
void MTIAHooks::mtiagraphCaptureBegin(int64_t handle, at::MempoolId_t pool) const {
  traced(
      "hooks", "mtiagraphCaptureBegin", [&] { sim::begin_capture(handle, to_pool(pool)); }, handle,
      pool);
}

// Contract: end the capture; throw if what was captured is no graph.
void MTIAHooks::mtiagraphCaptureEnd(int64_t handle) const {
  traced("hooks", "mtiagraphCaptureEnd", [&] { sim::end_capture(handle); }, handle);
}

// Contract: make a captured graph ready to be replayed.
void MTIAHooks::mtiagraphInstantiate(int64_t handle) const {
  traced("hooks", "mtiagraphInstantiate", [&] { sim::instantiate(handle); }, handle);
}

// Contract: enqueue what was captured on the current stream.
void MTIAHooks::mtiagraphReplay(int64_t handle) const {
  traced("hooks", "mtiagraphReplay", [&] { sim::replay(handle); }, handle);
}

// Contract: forget what was captured; the graph can capture again.
void MTIAHooks::mtiagraphReset(int64_t handle) const {
  traced("hooks", "mtiagraphReset", [&] { sim::reset_graph(handle); }, handle);
}

// Contract: the pool of the graph's memory, which other graphs may share.
at::MempoolId_t MTIAHooks::mtiagraphPool(int64_t handle) const {
  return traced("hooks", "mtiagraphPool", [&] { return from_pool(sim::pool_of(handle)); }, handle);
}

// Contract: a pool for graphs to share that nothing uses yet.
at::MempoolId_t MTIAHooks::graphPoolHandle() const {
  return traced("hooks", "graphPoolHandle", [] { return from_pool(sim::new_pool()); });
}

}  // namespace mtia::backend
