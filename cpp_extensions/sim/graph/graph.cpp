#include "graph.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "../host_thread.h"
#include "../internal/synchronize.h"
#include "../log.h"
#include "../memory/internal/device_memory.h"
#include "../text.h"
#include "internal/capture.h"
#include "internal/replay.h"

namespace mtia::sim {

namespace {
struct Graph {
  bool keep = false;
  bool instantiated = false;
  std::shared_ptr<Capture> capture;        // null: none, or one that failed
  std::optional<StreamPoint> last_replay;  // its end
};

struct GraphStore {
  std::unordered_map<GraphId, Graph> graphs;
  std::unordered_map<PoolId, int> pool_users;  // how many captures use it
  GraphId last_graph = 0;
  PoolId last_pool = 0;
};

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

// Returns what is to be let go of without the lock: effects may hold objects of Python.
std::shared_ptr<Capture> take_capture(Graph& graph) {
  if (graph.capture == nullptr) {
    return nullptr;
  }
  Capture& capture = *graph.capture;
  close_capture(capture);
  wait_for_replay(capture.origin, graph.last_replay);  // as its memory will be used there again
  forget_capture(capture, graph.last_replay);
  if (--graph_store().pool_users[capture.pool] == 0) {
    graph_store().pool_users.erase(capture.pool);
    release_pool(capture.pool);
  }
  graph.instantiated = false;
  graph.last_replay.reset();
  return std::exchange(graph.capture, nullptr);
}

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
  garbage = take_capture(graph_at(id));
}

// Called from destructors, also inside an effect and in a forked child: waits for no one.
void destroy_graph(GraphId id) noexcept {
  std::shared_ptr<Capture> garbage;
  Lock lock(simulator().mutex);
  auto& graphs = graph_store().graphs;
  if (auto found = graphs.find(id); found != graphs.end()) {
    garbage = take_capture(found->second);
    graphs.erase(found);
  }
}

PoolId pool_of(GraphId id) {
  Lock lock = enter("graphPool");
  return captured(graph_at(id), "name the pool of").pool;
}

namespace {
std::string label(const Command& command) {
  const std::string event = "event " + std::to_string(command.event);
  switch (command.type) {
    case CommandType::Record:
      return "record " + event;
    case CommandType::Wait:
      return "wait for " + event;
    default:
      return plain(*command.name);
  }
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return out + '"';
}

std::string arrow(CommandId from, size_t to) {
  return "  c" + std::to_string(from) + " -> c" + std::to_string(to) + ";\n";
}
// Its commands, and what each of them comes after.
std::string to_dot(const Capture& capture) {
  std::string out = "digraph {\n";
  std::map<std::pair<int, StreamId>, CommandId> previous;  // on each stream
  for (size_t i = 0; i < capture.commands.size(); ++i) {
    const auto& [stream, command] = capture.commands[i];
    out += "  c" + std::to_string(i) +
           " [label=" + quoted(label(command) + " on " + to_string(stream)) + "];\n";
    const auto [before, first] = previous.try_emplace({stream.device, stream.id}, 0);
    if (!first) {
      out += arrow(before->second, i);
    }
    if (command.after) {
      out += arrow(command.after->command, i);
    }
    before->second = static_cast<CommandId>(i);
  }
  return out + "}\n";
}
}  // namespace

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
  pool = checked_pool(pool);
  graph.capture = open_capture(origin, pool);
  ++graph_store().pool_users[pool];
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
    garbage = take_capture(graph);
    throw Error("the capture failed, and the graph holds nothing: " + why);
  }
  close_capture(*graph.capture);
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
  const StreamPoint end = enqueue_all(lock, *kept, target, site);
  if (auto found = graph_store().graphs.find(id); found != graph_store().graphs.end()) {
    found->second.last_replay = end;
  }
  if (simulator().schedule.order == Order::Blocking) {
    raise_failures(lock, device_at(target.device));
  }
}

void check_not_capturing(StreamRef ref, const char* what) {
  check_stream(ref);
  Lock lock(simulator().mutex);
  if (Capture* capture = stream_at(ref).capture) {
    refuse(*capture, std::string(what) + " would wait for " + being_captured(ref));
  }
}

// Only a look, so it may be asked anywhere.
bool is_capturing(StreamRef ref) {
  check_stream(ref);
  Lock lock(simulator().mutex);
  return stream_at(ref).capture != nullptr;
}

}  // namespace mtia::sim
