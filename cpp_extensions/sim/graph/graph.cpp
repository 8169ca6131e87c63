#include "graph.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "../embedder.h"
#include "../host_thread.h"
#include "../internal/synchronize.h"
#include "../log/log.h"
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

GraphStore& graph_store(const Lock&) {
  static auto* const store = new GraphStore;  // never deleted, as the simulator
  return *store;
}

Graph& graph_at(const Lock& lock, GraphId id) {
  auto& graphs = graph_store(lock).graphs;
  auto found = graphs.find(id);
  if (found == graphs.end()) {
    throw Error(str("there is no graph ", id, ": it was destroyed"));
  }
  return found->second;
}

// Returns what is to be destroyed without the lock: what effects hold may run arbitrary code then.
std::shared_ptr<Capture> take_capture(const Lock& lock, Graph& graph) {
  if (graph.capture == nullptr) {
    return nullptr;
  }
  Capture& capture = *graph.capture;
  close_capture(lock, capture);
  wait_for_replay(lock, capture.origin, graph.last_replay);  // its memory will be used there again
  forget_capture(lock, capture, graph.last_replay);
  auto& pool_users = graph_store(lock).pool_users;
  if (--pool_users[capture.pool] == 0) {
    pool_users.erase(capture.pool);
    release_pool(lock, capture.pool);
  }
  graph.instantiated = false;
  graph.last_replay.reset();
  return std::exchange(graph.capture, nullptr);
}

StreamRef stream_now() {
  const HostThread& thread = this_thread();
  return {thread.device, thread.streams[thread.device]};
}

PoolId checked_pool(const Lock& lock, PoolId pool) {
  PoolId& last = graph_store(lock).last_pool;
  if (pool < 0 || pool > last) {
    throw Error(str("there is no memory pool (0, ", pool, ")",
                    embedder().advice(Advice::UnknownPool, pool)));
  }
  return pool == 0 ? ++last : pool;
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
    return str("a capture must end on the stream it began on, ", capture.origin,
               ", but the current one is ", stream_now(),
               embedder().advice(Advice::EndedElsewhere, 0));
  }
  if (const auto stream = unjoined(capture)) {
    return str(*stream, " joined the capture by waiting for an event of it, and ", capture.origin,
               ", where the capture began, does not wait for its work",
               embedder().advice(Advice::NeverJoined, 0));
  }
  return "";
}

// What the graph holds, to do with it what `verb` says.
const Capture& captured(const Lock&, const Graph& graph, const char* verb) {
  if (graph.capture == nullptr) {
    throw Error(str("cannot ", verb,
                    " a graph that holds nothing: no capture has succeeded since it was made or "
                    "reset",
                    embedder().advice(Advice::NothingCaptured, 0)));
  }
  if (graph.capture->open) {
    throw Error(str("cannot ", verb, " a graph while it is being captured",
                    embedder().advice(Advice::CaptureGoesOn, 0)));
  }
  return *graph.capture;
}
}  // namespace

PoolId new_pool() {
  Lock lock = enter("new_pool");
  return ++graph_store(lock).last_pool;
}

GraphId new_graph(bool keep) {
  Lock lock = enter("new_graph");
  GraphStore& store = graph_store(lock);
  store.graphs[++store.last_graph].keep = keep;
  return store.last_graph;
}

void reset_graph(GraphId id) {
  std::shared_ptr<Capture> garbage;
  Lock lock = enter("reset_graph");
  garbage = take_capture(lock, graph_at(lock, id));
}

// Called from destructors, also inside an effect and in a forked child: waits for no one.
void destroy_graph(GraphId id) noexcept {
  std::shared_ptr<Capture> garbage;
  Lock lock;
  auto& graphs = graph_store(lock).graphs;
  if (auto found = graphs.find(id); found != graphs.end()) {
    garbage = take_capture(lock, found->second);
    graphs.erase(found);
  }
}

PoolId pool_of(GraphId id) {
  Lock lock = enter("pool_of");
  return captured(lock, graph_at(lock, id), "name the pool of").pool;
}

namespace {
std::string label(const Command& command) {
  const std::string event = str("event ", command.event);
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

std::string arrow(CommandId from, size_t to) { return str("  c", from, " -> c", to, ";\n"); }
// Its commands, and what each of them comes after.
std::string to_dot(const Capture& capture) {
  std::string out = "digraph {\n";
  std::map<std::pair<int, StreamId>, CommandId> previous;  // on each stream
  for (size_t i = 0; i < capture.commands.size(); ++i) {
    const auto& [stream, command] = capture.commands[i];
    out += str("  c", i, " [label=", quoted(str(label(command), " on ", stream)), "];\n");
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
  Lock lock = enter("graph_as_dot");
  return to_dot(captured(lock, graph_at(lock, id), "draw"));
}

void begin_capture(GraphId id, PoolId pool) {
  const StreamRef origin = stream_now();
  Lock lock = enter("begin_capture");
  Graph& graph = graph_at(lock, id);
  if (graph.capture != nullptr && graph.capture->open) {
    throw Error("this graph is being captured already" +
                embedder().advice(Advice::CaptureGoesOn, 0));
  }
  if (graph.capture != nullptr) {
    throw Error("this graph holds a capture already" + embedder().advice(Advice::CaptureIsKept, 0));
  }
  if (stream_at(lock, origin).capture != nullptr) {
    throw Error(str(origin,
                    " is being captured into another graph already. End that capture first, or "
                    "capture on another stream"));
  }
  pool = checked_pool(lock, pool);
  graph.capture = open_capture(lock, origin, pool);
  ++graph_store(lock).pool_users[pool];
}

void end_capture(GraphId id) {
  std::shared_ptr<Capture> garbage;
  Lock lock = enter("end_capture");
  Graph& graph = graph_at(lock, id);
  if (graph.capture == nullptr || !graph.capture->open) {
    throw Error("this graph is not being captured" + embedder().advice(Advice::NotCapturing, 0));
  }
  const std::string why = fault(*graph.capture);
  if (!why.empty()) {
    garbage = take_capture(lock, graph);
    throw Error("the capture failed, and the graph holds nothing: " + why);
  }
  close_capture(lock, *graph.capture);
  graph.instantiated = !graph.keep;
}

void instantiate(GraphId id) {
  Lock lock = enter("instantiate");
  Graph& graph = graph_at(lock, id);
  captured(lock, graph, "instantiate");
  if (!graph.keep) {
    throw Error("the end of the capture has instantiated this graph already" +
                embedder().advice(Advice::Instantiated, 0));
  }
  graph.instantiated = true;
}

namespace {
// What the host does before the commands are enqueued, without the lock.
void prepare(GraphId id, StreamRef target) {
  std::shared_ptr<const Capture> kept;
  {
    Lock lock = enter("replay");
    Graph& graph = graph_at(lock, id);
    captured(lock, graph, "replay");
    kept = graph.capture;
    check_can_replay(lock, *kept, target);
  }
  for (const CapturedCommand& captured : kept->commands) {
    if (captured.command.prepare) {
      captured.command.prepare();
    }
  }
}
}  // namespace

void replay(GraphId id) {
  const Site site = log::site();
  const StreamRef target = stream_now();
  prepare(id, target);
  std::shared_ptr<const Capture> kept;  // effects run, and may destroy the graph
  Lock lock = enter("replay");
  Graph& graph = graph_at(lock, id);
  captured(lock, graph, "replay");
  kept = graph.capture;
  check_can_replay(lock, *kept, target);
  graph.instantiated = true;
  wait_for_replay(lock, target, graph.last_replay);
  const StreamPoint end = enqueue_all(lock, *kept, target, site);
  auto& graphs = graph_store(lock).graphs;
  if (auto found = graphs.find(id); found != graphs.end()) {
    found->second.last_replay = end;
  }
  if (lock->schedule.order == Order::Blocking) {
    raise_failures(lock, device_at(lock, target.device));
  }
}

void check_not_capturing(StreamRef ref, const char* what) {
  Lock lock;
  if (Capture* capture = stream_at(lock, ref).capture) {
    refuse(lock, *capture, str(what, " would wait for ", being_captured(ref)));
  }
}

// Runs nothing, so it may be called anywhere.
bool is_capturing(StreamRef ref) {
  Lock lock;
  return stream_at(lock, ref).capture != nullptr;
}

}  // namespace mtia::sim
