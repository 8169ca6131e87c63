// The graphs there are, and what became of captures. Internal to sim/graph*.cpp; guarded by the
// simulator's mutex.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>

#include "graph.h"
#include "graph_capture.h"

namespace mtia::sim {

struct Graph {
  bool keep = false;
  bool instantiated = false;
  std::shared_ptr<Capture> capture;      // null: none, or one that failed
  std::optional<Recording> last_replay;  // its end
};

struct GraphStore {
  std::unordered_map<GraphId, Graph> graphs;
  std::unordered_map<CaptureId, Capture*> captures;       // of these graphs
  std::unordered_map<CaptureId, Recording> last_replays;  // of captures whose graph is gone
  std::unordered_map<PoolId, int> pool_users;             // how many captures use it
  std::atomic<int> open_captures{0};
  GraphId last_graph = 0;
  CaptureId last_capture = 0;
  PoolId last_pool = 0;
};

GraphStore& graph_store();

Graph& graph_at(GraphId id);               // throws Error if there is none
Capture* find_open_capture(CaptureId id);  // null: there is none, or it is over

void open_capture(Graph& graph, StreamRef origin, PoolId pool);
void close_capture(Graph& graph);  // its streams are free again
// Returns what is to be let go of without the lock: effects may hold objects of Python.
std::shared_ptr<Capture> forget_capture(Graph& graph);

// Whatever `stream` is given from now on comes after the replay.
void wait_for_replay(StreamRef stream, const std::optional<Recording>& replay);
void check_can_replay(const Capture& capture, StreamRef target);
std::string to_dot(const Capture& capture);
Recording enqueue_all(Lock& lock, const Capture& capture, StreamRef target, const Site& site);

}  // namespace mtia::sim
