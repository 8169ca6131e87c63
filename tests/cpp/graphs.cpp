// Graph capture: who holds what, and what happens when a graph goes while it is still needed.
#include <atomic>
#include <memory>
#include <thread>

#include "check.h"
#include "graph/graph.h"
#include "memory/allocator.h"
#include "memory/stats.h"
#include "runtime.h"

using namespace mtia::sim;

namespace {

constexpr Time us = 1000;

void idle(const std::string& schedule) {
  set_device(0);
  exchange_stream({0, 0});
  synchronize_device(0);
  Profile profile;
  profile.launch = 2 * us;
  profile.queue_depth = 8;
  configure(schedule, profile);
}

void captured(GraphId graph, const std::function<void()>& body) {
  begin_capture(graph, 0);
  body();
  end_capture(graph);
}

// Something that an effect holds.
struct Counted {
  static std::atomic<int> alive;
  std::atomic<int> runs{0};
  Counted() { ++alive; }
  ~Counted() { --alive; }
};
std::atomic<int> Counted::alive{0};

void effects_live_as_long_as_they_may_run(const std::string& schedule) {
  idle(schedule);
  const GraphId graph = new_graph(false);
  auto counted = std::make_shared<Counted>();
  captured(graph, [&] {
    for (int i = 0; i < 20; ++i) {
      launch("k", 5 * us, [counted] { ++counted->runs; });
    }
  });
  std::weak_ptr<Counted> seen = counted;
  CHECK(counted->runs == 0);
  replay(graph);
  replay(graph);
  synchronize_device(0);
  CHECK(counted->runs == 40);
  replay(graph);
  counted.reset();
  destroy_graph(graph);
  destroy_graph(graph);
  synchronize_device(0);
  CHECK(seen.expired() && Counted::alive == 0);
}

void a_graph_that_goes_in_its_capture_frees_its_streams() {
  idle("modelled");
  const GraphId graph = new_graph(false);
  const StreamRef side = new_stream(0, 0);
  begin_capture(graph, 0);
  const EventId event = record(0, {0, 0}, false);
  wait(event, side);
  launch("k", us, [held = std::make_shared<Counted>()] {});
  CHECK(is_capturing({0, 0}) && is_capturing(side) && Counted::alive == 1);
  CHECK(RAISES(synchronize_stream(side)).find("captured into a graph") != std::string::npos);
  destroy_graph(graph);
  CHECK(!is_capturing({0, 0}) && !is_capturing(side) && Counted::alive == 0);
  CHECK(RAISES(wait(event, side)).find("now over") != std::string::npos);
  destroy_event(event);
  synchronize_stream(side);
}

void an_effect_may_destroy_its_own_graph(const std::string& schedule) {
  idle(schedule);
  const GraphId graph = new_graph(false);
  auto counted = std::make_shared<Counted>();
  captured(graph, [&] {
    launch("k", us, [graph] { destroy_graph(graph); });
    for (int i = 0; i < 20; ++i) {
      launch("k", us, [counted] { ++counted->runs; });
    }
  });
  replay(graph);
  synchronize_device(0);
  CHECK(counted->runs == 20);
  CHECK(RAISES(replay(graph)).find("there is no graph") != std::string::npos);
  counted.reset();
  CHECK(Counted::alive == 0);
}

void a_graph_is_written_in_dot() {
  idle("modelled");
  const GraphId graph = new_graph(false);
  const StreamRef side = new_stream(0, 0);
  captured(graph, [&] {
    launch("say \"a\"", us, {});
    const EventId event = record(0, {0, 0}, false);
    wait(event, side);
    destroy_event(event);
  });
  const std::string dot = graph_as_dot(graph);
  CHECK(dot.find(R"([label="say \"a\" on stream 0 of mtia:0"])") != std::string::npos);
  CHECK(dot.find("c0 -> c1;") != std::string::npos && dot.find("c1 -> c2;") != std::string::npos);
  destroy_graph(graph);
}

// Each thread captures on a stream of its own and replays, while the others do.
void threads_capture_and_replay(const std::string& schedule) {
  idle(schedule);
  std::atomic<int> runs{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      const StreamRef mine = new_stream(0, 0);
      exchange_stream(mine);
      for (int round = 0; round < 50; ++round) {
        const GraphId graph = new_graph(false);
        captured(graph, [&] {
          void* block = allocate(0, mine, 1000);
          launch("k", us, [&runs] { ++runs; });
          mtia::sim::free(block);
          launch("k", us, [&runs] { ++runs; });
        });
        replay(graph);
        replay(graph);
        if (round % 3 == 0) {
          synchronize_stream(mine);
        }
        destroy_graph(graph);
      }
      synchronize_stream(mine);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(runs == 6 * 50 * 4);
  empty_cache();
  CHECK(memory_stats(0).reserved_bytes.all.current == 0);
}

}  // namespace

const std::vector<Test> kGraphs{
    {"effects of a graph, modelled", [] { effects_live_as_long_as_they_may_run("modelled"); }},
    {"effects of a graph, latest", [] { effects_live_as_long_as_they_may_run("latest"); }},
    {"graph gone in its capture", a_graph_that_goes_in_its_capture_frees_its_streams},
    {"graph gone in its replay, modelled", [] { an_effect_may_destroy_its_own_graph("modelled"); }},
    {"graph gone in its replay, latest", [] { an_effect_may_destroy_its_own_graph("latest"); }},
    {"graph in DOT", a_graph_is_written_in_dot},
};

const std::vector<Test> kGraphsOfThreads{
    {"graphs of threads, modelled", [] { threads_capture_and_replay("modelled"); }},
    {"graphs of threads, latest", [] { threads_capture_and_replay("latest"); }},
};
