#include "graph_store.h"

#include <utility>

#include "log.h"
#include "memory_device.h"

namespace mtia::sim {

GraphStore& graph_store() {
  static auto* const store = new GraphStore;  // never deleted, as the simulator
  return *store;
}

Graph& graph_at(GraphId id) {
  auto found = graph_store().graphs.find(id);
  if (found == graph_store().graphs.end()) {
    throw Error("there is no graph " + std::to_string(id) + ": it was destroyed");
  }
  return found->second;
}

Capture* find_open_capture(CaptureId id) {
  const auto& captures = graph_store().captures;
  const auto found = captures.find(id);
  return found != captures.end() && found->second->open ? found->second : nullptr;
}

void open_capture(Graph& graph, StreamRef origin, PoolId pool) {
  GraphStore& store = graph_store();
  auto capture = std::make_shared<Capture>();
  capture->id = ++store.last_capture;
  capture->pool = pool;
  capture->origin = origin;
  capture->streams = {origin};
  ++store.pool_users[pool];
  store.captures[capture->id] = capture.get();
  stream_at(origin).capture = capture.get();
  graph.capture = std::move(capture);
  ++store.open_captures;
}

void close_capture(Graph& graph) {
  if (std::exchange(graph.capture->open, false)) {
    --graph_store().open_captures;
    for (const StreamRef& stream : graph.capture->streams) {
      stream_at(stream).capture = nullptr;
    }
  }
}

std::shared_ptr<Capture> forget_capture(Graph& graph) {
  if (graph.capture == nullptr) {
    return nullptr;
  }
  close_capture(graph);
  GraphStore& store = graph_store();
  const Capture& capture = *graph.capture;
  store.captures.erase(capture.id);
  wait_for_replay(capture.origin, graph.last_replay);  // as its memory will be used there again
  if (graph.last_replay && !has_run(*graph.last_replay)) {
    store.last_replays[capture.id] = *graph.last_replay;
  }
  if (--store.pool_users[capture.pool] == 0) {
    store.pool_users.erase(capture.pool);
    release_pool(capture.pool);
  }
  graph.instantiated = false;
  graph.last_replay.reset();
  return std::exchange(graph.capture, nullptr);
}

bool wants_accesses() noexcept {
  return log::recording() || graph_store().open_captures.load(std::memory_order_relaxed) > 0;
}

bool is_gone(CaptureId id) {
  GraphStore& store = graph_store();
  if (store.captures.count(id) != 0) {
    return false;
  }
  const auto replay = store.last_replays.find(id);
  if (replay == store.last_replays.end()) {
    return true;
  }
  if (!has_run(replay->second)) {
    return false;
  }
  store.last_replays.erase(replay);
  return true;
}

}  // namespace mtia::sim
