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
}  // namespace

Schedule Schedule::parse(const std::string& name) {
  if (name == "modelled") {
    return {Order::Modelled, 0, name};
  }
  if (name == "blocking") {
    return {Order::Blocking, 0, name};
  }
  if (name == "latest") {
    return {Order::Latest, 0, name};
  }
  const std::string prefix = "random:";
  if (name.compare(0, prefix.size(), prefix) == 0) {
    uint64_t seed = 0;
    const char* end = name.data() + name.size();
    auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, seed);
    if (error == std::errc() && stop == end) {
      return {Order::Random, seed, name};
    }
  }
  throw Error("unknown schedule " + in_quotes(name) +
              "; the schedules are 'modelled', 'blocking', 'latest' and 'random:SEED' with a "
              "whole number from 0 to 2**64 - 1, such as 'random:7'");
}

Time Schedule::duration(Time modelled) {
  if (order != Order::Random) {
    return modelled;
  }
  const Time factor = 1 + static_cast<Time>(next(random_state) % 400);  // 0.01 to 4 times
  return modelled / 100 * factor + modelled % 100 * factor / 100;       // no overflow
}

}  // namespace mtia::sim
