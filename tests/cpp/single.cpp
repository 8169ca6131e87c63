// What one host thread may expect of the simulator; each test leaves the device idle.
#include <algorithm>
#include <cmath>
#include <memory>

#include "check.h"
#include "internal/schedule.h"
#include "log/log.h"
#include "runtime.h"

using namespace mtia::sim;

namespace {

constexpr Time us = 1000;

Profile usual() { return {2 * us, us / 2, us, us / 2, 4, 1024}; }

void settle() {
  for (int device = 0; device < 2; ++device) {
    synchronize_device(device);
  }
}

void use(const std::string& schedule, Profile with = usual()) {
  settle();
  configure(schedule, with);
}

void launch_on(StreamRef stream, Time duration, Effect effect = {}) {
  const int device = exchange_device(stream.device);
  const StreamRef previous = exchange_stream(stream);
  launch("k", duration, std::move(effect));
  exchange_stream(previous);
  set_device(device);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void current_state() {
  const StreamRef made = new_stream(1, -1);
  CHECK(current_device() == 0);
  CHECK(exchange_device(1) == 0);
  CHECK((exchange_stream(made) == StreamRef{1, 0}));
  CHECK(current_stream(1) == made && (current_stream(0) == StreamRef{0, 0}));
  CHECK(stream_priority(made) == -1);
  CHECK(exchange_stream({1, 0}) == made);
  set_device(0);
}

void refusals_name_the_value_and_change_nothing() {
  const Time before = clock_now();
  CHECK(contains(RAISES(set_device(7)), "7"));
  CHECK(contains(RAISES(set_device(-1)), "-1"));
  CHECK(contains(RAISES(exchange_stream({0, 12345})), "12345"));
  CHECK(contains(RAISES(synchronize_stream({1, -2})), "-2"));
  CHECK(contains(RAISES(query_event(99999)), "99999"));
  CHECK(contains(RAISES(launch("late", -us, {})), "late"));
  CHECK(contains(RAISES(configure("sometimes", usual())), "sometimes"));
  CHECK(contains(RAISES(Schedule::parse("random:")), "random:"));
  CHECK(contains(RAISES(Profile().set("kernel_slots", 0)), "kernel_slots"));
  set_device_if_valid(9);
  CHECK(current_device() == 0 && clock_now() == before);
}

void a_stream_is_first_in_first_out() {
  use("modelled");
  std::vector<int> seen;
  const StreamRef one = new_stream(0, 0), two = new_stream(0, 0);
  launch_on(one, 20 * us, [&] { seen.push_back(1); });
  launch_on(two, 5 * us, [&] { seen.push_back(2); });
  launch_on(one, us, [&] { seen.push_back(3); });
  synchronize_stream(two);
  CHECK(seen == std::vector<int>{2});
  settle();
  CHECK((seen == std::vector<int>{2, 1, 3}));
}

void recording_again_does_not_move_a_wait() {
  use("latest");
  std::vector<int> seen;
  const StreamRef one = new_stream(0, 0), two = new_stream(1, 0);
  launch_on(one, us, [&] { seen.push_back(1); });
  const EventId event = record(0, one, true);
  wait(event, two);
  launch_on(one, us, [&] { seen.push_back(2); });
  CHECK(record(event, one, true) == event);
  launch_on(two, us, [&] { seen.push_back(3); });
  synchronize_stream(two);
  CHECK((seen == std::vector<int>{1, 3}));
  CHECK(contains(RAISES(record(event, two, true)), "first recorded on mtia:0"));
  settle();
  destroy_event(event);
  destroy_event(event);
  CHECK(contains(RAISES(wait(event, two)), std::to_string(event)));
}

void elapsed_time() {
  use("blocking");
  const EventId from = record(0, {0, 0}, true);
  launch("k", 10 * us, {});
  const EventId to = record(0, {0, 0}, true), other = record(0, {1, 0}, true);
  CHECK(std::abs(elapsed_ms(from, to) - 0.0125) < 1e-12);
  CHECK(contains(RAISES(elapsed_ms(from, other)), "mtia:1"));
  for (EventId event : {from, to, other}) {
    destroy_event(event);
  }
}

void a_full_queue_makes_the_host_wait() {
  for (const char* schedule : {"modelled", "latest"}) {
    Profile small = usual();
    small.queue_depth = 2;
    use(schedule, small);
    int ran = 0;
    const StreamRef stream = new_stream(0, 0);
    for (int i = 0; i < 10; ++i) {
      launch_on(stream, 100 * us, [&] { ++ran; });
      CHECK(ran == std::max(0, i - 1));
    }
    settle();
    CHECK(ran == 10);
  }
}

void failures_wait_for_a_synchronization() {
  use("modelled");
  launch("first", us, [] { throw Error("boom"); });
  launch("second", us, [] { throw std::bad_alloc(); });
  synchronize_device(1);
  const std::string text = RAISES(synchronize_stream({0, 0}));
  CHECK(contains(text, "'first'") && contains(text, "boom") && contains(text, "'second'"));
  settle();
  use("blocking");
  CHECK(contains(RAISES(launch("now", us, [] { throw Error("boom"); })), "'now'"));
}

void an_effect_may_not_call_the_runtime() {
  use("modelled");
  launch("greedy", us, [] { synchronize_device(0); });
  CHECK(contains(RAISES(settle()), "inside a command's effect"));
  launch("tidy", us, [event = record(0, {0, 0}, false)] { destroy_event(event); });
  settle();
}

void configure_needs_an_idle_device() {
  use("modelled");
  launch("k", us, {});
  CHECK(contains(RAISES(configure("latest", usual())), "stream 0 of mtia:0"));
  CHECK(schedule_name() == "modelled");
  settle();
}

void closures_die_when_they_have_run() {
  use("latest");
  auto owned = std::make_shared<int>(0);
  launch("k", us, [owned] { ++*owned; });
  CHECK(owned.use_count() == 2 && *owned == 0);
  settle();
  CHECK(owned.use_count() == 1 && *owned == 1);
}

// Of each command its name, the second text in it; the records have nothing else than commands.
std::vector<std::string> names_of_commands(const log::Part& part) {
  std::vector<std::string> names;
  log::Reader rest(part.bytes);
  while (!rest.at_end()) {
    CHECK(rest.byte() == 1);
    int texts = 0;
    CommandRecord{}.fields([&](const char*, const auto&) {
      const log::Kind kind = rest.kind();
      const int64_t number = kind == log::Kind::None ? 0 : rest.number();
      if (kind == log::Kind::Text && ++texts == 2) {
        names.push_back(*part.texts[number]);
      }
    });
  }
  return names;
}

void the_log_keeps_names_as_they_are_and_nests() {
  use("modelled");
  const std::string odd = "quote \" backslash \\ newline \n no UTF-8 \xff \xed\xa0\x80";
  const int64_t outer = log::begin();
  launch(odd, us, {});
  const int64_t inner = log::begin();
  launch("inner", us, {});
  const log::Part all = log::read(outer);
  CHECK(names_of_commands(all) == std::vector<std::string>({odd, "inner"}));
  CHECK(names_of_commands(log::read(inner)) == std::vector<std::string>({"inner"}));
  log::end();
  log::end();
  CHECK(!log::recording());
  CHECK(names_of_commands(all).size() == 2);  // what was read outlives the log
  settle();
}

// Streams and events in an arbitrary order: whatever was launched has run once at the end, on each
// stream in order, and under "modelled" never before its time.
void a_long_arbitrary_program(const char* schedule) {
  Profile small = usual();
  small.queue_depth = 8;
  use(schedule, small);
  uint64_t state = 42;
  auto below = [&](uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
  };
  std::vector<StreamRef> streams{{0, 0}, {1, 0}};
  for (int i = 0; i < 6; ++i) {
    streams.push_back(new_stream(i % 2, 0));
  }
  std::vector<EventId> events(5, 0);
  std::vector<std::vector<int>> ran(streams.size());
  std::vector<int> launched(streams.size(), 0);
  for (int step = 0; step < 20000; ++step) {
    const size_t s = below(streams.size());
    EventId& event = events[below(events.size())];
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        launch_on(streams[s], below(30) * us,
                  [&, s, number = launched[s]++] { ran[s].push_back(number); });
        break;
      case 3:
        destroy_event(event);
        event = record(0, streams[s], true);
        break;
      case 4:
      case 5:
        if (event != 0) {
          wait(event, streams[s]);
        }
        break;
      case 6:
        if (event != 0) {
          query_event(event);
        } else {
          query_stream(streams[s]);
        }
        break;
      default:
        if (step % 16 != 0) {
          synchronize_stream(streams[s]);
        } else {
          synchronize_device(streams[s].device);
        }
    }
  }
  settle();
  for (size_t s = 0; s < streams.size(); ++s) {
    CHECK(ran[s].size() == static_cast<size_t>(launched[s]) && launched[s] > 100);
    CHECK(std::is_sorted(ran[s].begin(), ran[s].end()));
  }
  for (EventId event : events) {
    destroy_event(event);
  }
}

}  // namespace

const std::vector<Test> kSingleThreaded{
    {"current state", current_state},
    {"refusals", refusals_name_the_value_and_change_nothing},
    {"first in, first out", a_stream_is_first_in_first_out},
    {"recording again", recording_again_does_not_move_a_wait},
    {"elapsed time", elapsed_time},
    {"full queue", a_full_queue_makes_the_host_wait},
    {"failures", failures_wait_for_a_synchronization},
    {"effects and the runtime", an_effect_may_not_call_the_runtime},
    {"configure", configure_needs_an_idle_device},
    {"closures", closures_die_when_they_have_run},
    {"log", the_log_keeps_names_as_they_are_and_nests},
    {"arbitrary program, modelled", [] { a_long_arbitrary_program("modelled"); }},
    {"arbitrary program, blocking", [] { a_long_arbitrary_program("blocking"); }},
    {"arbitrary program, latest", [] { a_long_arbitrary_program("latest"); }},
    {"arbitrary program, random", [] { a_long_arbitrary_program("random:3"); }},
};
