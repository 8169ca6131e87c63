// The life of a graph: made, captured, replayed, reset, destroyed.
#include "graph.h"

#include <algorithm>
#include <utility>

#include "graph_store.h"
#include "host_thread.h"
#include "log.h"
#include "synchronize.h"

namespace mtia::sim {

namespace {
StreamRef stream_now() {
  const HostThread& thread = this_thread();
  return {thread.device, thread.streams[thread.device]};
}

PoolId checked_pool(PoolId pool) {
  GraphStore& store = graph_store();
  if (pool < 0 || pool > store.last_pool) {
    throw Error("there is no memory pool (0, " + std::to_string(pool) +
                "). Take one from torch.mtia.graph_pool_handle() or from pool() of another graph");
  }
  return pool == 0 ? ++store.last_pool : pool;
}

// Every command must come before the last one of the origin, or a replay would have no end that
// later work could wait for. Gives the stream of one that does not.
std::optional<StreamRef> unjoined(const Capture& capture) {
  std::vector<bool> awaited(capture.commands.size());
  std::vector<StreamRef> joined{capture.origin};
  for (size_t i = capture.commands.size(); i-- > 0;) {
    const auto& [stream, command] = capture.commands[i];
    const bool known = std::find(joined.begin(), joined.end(), stream) != joined.end();
    if (!known && !awaited[i]) {
      if (command.engine != Engine::None) {
        return stream;
      }
      continue;
    }
    if (!known) {
      joined.push_back(stream);
    }
    if (command.after) {
      awaited[command.after->command] = true;
    }
  }
  return std::nullopt;
}

// Why the capture cannot become a graph; empty if it can.
std::string fault(const Capture& capture) {
  if (!capture.broken.empty()) {
    return capture.broken;
  }
  if (!(stream_now() == capture.origin)) {
    return "a capture must end on the stream it began on, " + to_string(capture.origin) +
           ", but the current one is " + to_string(stream_now()) +
           ". Leave every `with stream:` before";
  }
  if (const auto stream = unjoined(capture)) {
    return to_string(*stream) + " joined the capture by waiting for an event of it, and " +
           to_string(capture.origin) +
           ", where the capture began, does not wait for its work. "
           "Call wait_stream on that stream before the capture ends";
  }
  return "";
}

const Capture& captured(const Graph& graph, const char* what) {
  if (graph.capture == nullptr) {
    throw Error(std::string("cannot ") + what +
                " a graph that holds nothing: no capture has "
                "succeeded since it was made or reset. Call capture_begin() and capture_end(), or "
                "use `with torch.mtia.graph(g):`");
  }
  if (graph.capture->open) {
    throw Error(std::string("cannot ") + what +
                " a graph while it is being captured. Call "
                "capture_end() first");
  }
  return *graph.capture;
}
}  // namespace

PoolId new_pool() {
  Lock lock = enter("graphPoolHandle");
  return ++graph_store().last_pool;
}

GraphId new_graph(bool keep) {
  Lock lock = enter("graphCreate");
  GraphStore& store = graph_store();
  store.graphs[++store.last_graph].keep = keep;
  return store.last_graph;
}

void reset_graph(GraphId id) {
  std::shared_ptr<Capture> garbage;
  Lock lock = enter("graphReset");
  garbage = forget_capture(graph_at(id));
}

// Called from destructors, also inside an effect and in a forked child: waits for no one.
void destroy_graph(GraphId id) noexcept {
  std::shared_ptr<Capture> garbage;
  Lock lock(simulator().mutex);
  auto& graphs = graph_store().graphs;
  if (auto found = graphs.find(id); found != graphs.end()) {
    garbage = forget_capture(found->second);
    graphs.erase(found);
  }
}

PoolId pool_of(GraphId id) {
  Lock lock = enter("graphPool");
  return captured(graph_at(id), "name the pool of").pool;
}

std::string graph_as_dot(GraphId id) {
  Lock lock = enter("graphDump");
  return to_dot(captured(graph_at(id), "draw"));
}

void begin_capture(GraphId id, PoolId pool) {
  const StreamRef origin = stream_now();
  Lock lock = enter("graphCaptureBegin");
  Graph& graph = graph_at(id);
  if (graph.capture != nullptr) {
    throw Error(graph.capture->open
                    ? "this graph is being captured already. Call capture_end() first"
                    : "this graph holds a capture already. Call reset() first, or make another");
  }
  if (stream_at(origin).capture != nullptr) {
    throw Error(to_string(origin) +
                " is being captured into another graph already. End that "
                "capture first, or capture on another stream");
  }
  open_capture(graph, origin, checked_pool(pool));
}

void end_capture(GraphId id) {
  std::shared_ptr<Capture> garbage;
  Lock lock = enter("graphCaptureEnd");
  Graph& graph = graph_at(id);
  if (graph.capture == nullptr || !graph.capture->open) {
    throw Error("this graph is not being captured. Call capture_begin() first");
  }
  const std::string why = fault(*graph.capture);
  if (!why.empty()) {
    garbage = forget_capture(graph);
    throw Error("the capture failed, and the graph holds nothing: " + why);
  }
  close_capture(graph);
  graph.instantiated = !graph.keep;
}

void instantiate(GraphId id) {
  Lock lock = enter("graphInstantiate");
  Graph& graph = graph_at(id);
  captured(graph, "instantiate");
  if (!graph.keep) {
    throw Error(
        "the end of the capture has instantiated this graph already. To do it yourself, "
        "make the graph with keep_graph=True");
  }
  graph.instantiated = true;
}

void replay(GraphId id) {
  const Site site = log::site();
  const StreamRef target = stream_now();
  std::shared_ptr<const Capture> kept;  // effects run, and may destroy the graph
  Lock lock = enter("graphReplay");
  Graph& graph = graph_at(id);
  captured(graph, "replay");
  kept = graph.capture;
  check_can_replay(*kept, target);
  graph.instantiated = true;
  wait_for_replay(target, graph.last_replay);
  const Recording end = enqueue_all(lock, *kept, target, site);
  if (auto found = graph_store().graphs.find(id); found != graph_store().graphs.end()) {
    found->second.last_replay = end;
  }
  if (simulator().schedule.order == Order::Blocking) {
    raise_failures(lock, device_at(target.device));
  }
}

}  // namespace mtia::sim
