#include "graph.h"

#include <fstream>

#include "call_log.h"

namespace mtia::backend {

sim::PoolId to_pool(const c10::MempoolId_t& pool) {
  const auto number = static_cast<sim::PoolId>(pool.second);
  return pool.first == 0 && number >= 0 ? number : -1;  // none of ours, which the simulator refuses
}

c10::MempoolId_t from_pool(sim::PoolId pool) { return {0, static_cast<uint64_t>(pool)}; }

namespace {
template <typename Body, typename... Args>
auto graph(const char* name, const Body& body, const Args&... args) {
  return logged("graph", name, body, args...);
}
}  // namespace

MTIAGraphImpl::MTIAGraphImpl(const at::GraphImplArgs& args)
    : id_(graph("create", [&] { return sim::new_graph(args.keep_graph); }, args.keep_graph)) {}

// Contract: let go of what was captured. Replays that are enqueued still run.
MTIAGraphImpl::~MTIAGraphImpl() {
  graph("destroy", [&] { sim::destroy_graph(id_); }, id_);
}

// Contract: capture what is enqueued on the current stream from now on, with memory from `pool`.
// How other work and other threads are restricted is the backend's to say. Here one mode serves
// for all: what conflicts with a capture is refused, from any thread, and nothing else is.
void MTIAGraphImpl::capture_begin(c10::MempoolId_t pool, at::GraphCaptureMode) {
  graph("capture_begin", [&] { sim::begin_capture(id_, to_pool(pool)); }, id_, pool);
}

// Contract: end the capture and, unless the graph was made to be kept, instantiate it.
void MTIAGraphImpl::capture_end() {
  graph("capture_end", [&] { sim::end_capture(id_); }, id_);
}

// Contract: make what was captured ready to be replayed.
void MTIAGraphImpl::instantiate() {
  graph("instantiate", [&] { sim::instantiate(id_); }, id_);
}

// Contract: enqueue what was captured on the current stream.
void MTIAGraphImpl::replay() {
  graph("replay", [&] { sim::replay(id_); }, id_);
}

// Contract: forget what was captured; the graph can capture again.
void MTIAGraphImpl::reset() {
  graph("reset", [&] { sim::reset_graph(id_); }, id_);
}

// Contract: the pool of the graph's memory, which other graphs may share.
c10::MempoolId_t MTIAGraphImpl::pool() const {
  return graph("pool", [&] { return from_pool(sim::pool_of(id_)); }, id_);
}

// Contract: from here on debug_dump works. It always does.
void MTIAGraphImpl::enable_debug_mode() {
  graph("enable_debug_mode", [] {}, id_);
}

// Contract: write the graph to a file, in a format of the backend's choice: DOT, as CUDA's.
void MTIAGraphImpl::debug_dump(const std::string& path) {
  const auto dump = [&] {
    const std::string text = sim::graph_as_dot(id_);
    if (!(std::ofstream(path) << text << std::flush)) {
      throw sim::Error("cannot write the graph to " + path +
                       ": the folder is missing or cannot be written to. Name another file");
    }
  };
  graph("debug_dump", dump, id_);
}

}  // namespace mtia::backend
