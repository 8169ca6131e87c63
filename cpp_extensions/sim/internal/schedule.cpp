#include "schedule.h"

#include <charconv>

#include "../text.h"

namespace mtia::sim {

namespace {
// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): three lines, so a model in any language can
// draw the same numbers. The standard library's distributions differ between implementations.
uint64_t next(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// What is due after the same step happens in the order of the places.
constexpr Time kPlaces = Time{1} << 31;
Time at_step(int64_t step, Time place) { return step * kPlaces + place; }

// The rest of a text begins with a number, and then with `end` unless it is its end.
bool take(const char*& text, const char* last, int64_t& number, char end) {
  const auto [stop, error] = std::from_chars(text, last, number);
  if (error != std::errc() || number < 1 || number >= kPlaces || (stop != last && *stop != end)) {
    return false;
  }
  text = stop + (stop != last);
  return true;
}

// Whether it is one, as Note [Given orders] has them.
bool parse_order(const std::string& name, std::map<CommandId, Time>& put_off) {
  const char *text = name.data(), *last = text + name.size();
  int64_t command = 0;
  int64_t step = 0;
  if (text != last && last[-1] == ',') {
    return false;
  }
  for (Time place = 1; text != last; ++place) {
    if (!take(text, last, command, '@') || !take(text, last, step, ',')) {
      return false;
    }
    put_off[command] = at_step(step, place);
  }
  return true;
}
}  // namespace

Schedule Schedule::parse(const std::string& name) {
  if (name == "modelled") {
    return {Order::Modelled, 0, 0, 0, {}, name};
  }
  if (name == "blocking") {
    return {Order::Blocking, 0, 0, 0, {}, name};
  }
  if (name == "latest") {
    return {Order::Latest, 0, 0, 0, {}, name};
  }
  const std::string prefix = "random:";
  if (name.compare(0, prefix.size(), prefix) == 0) {
    uint64_t seed = 0;
    const char* end = name.data() + name.size();
    auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, seed);
    if (error == std::errc() && stop == end) {
      return {Order::Random, seed, 0, 0, {}, name};
    }
  }
  const std::string given = "order:";
  Schedule schedule{Order::Given, 0, 0, 0, {}, name};
  if (name.compare(0, given.size(), given) == 0 &&
      parse_order(name.substr(given.size()), schedule.put_off)) {
    return schedule;
  }
  throw Error("unknown schedule " + in_quotes(name) +
              "; the schedules are 'modelled', 'blocking', 'latest', 'random:SEED' with a whole "
              "number from 0 to 2**64 - 1, such as 'random:7', and what a trial of every order "
              "gave, such as 'order:2@3'");
}

Time Schedule::duration(Time modelled) {
  if (order != Order::Random) {
    return modelled;
  }
  const Time factor = 1 + static_cast<Time>(next(random_state) % 400);  // 0.01 to 4 times
  return modelled / 100 * factor + modelled % 100 * factor / 100;       // no overflow
}

Time Schedule::now(Time clock) const {
  return order == Order::Given ? at_step(steps, kPlaces - 1) : clock;
}

Time Schedule::due(CommandId id, Time finish) {
  if (order != Order::Given) {
    return finish;
  }
  ++steps;
  const auto found = put_off.find(id - first);
  return found == put_off.end() ? at_step(steps, 0) : found->second;
}

}  // namespace mtia::sim
