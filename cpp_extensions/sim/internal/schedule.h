// When a command's effect becomes visible: one of four schedules.
#pragma once

#include <string>

#include "../types.h"

namespace mtia::sim {

enum class Order {
  Modelled,  // at its modelled finish time
  Blocking,  // before its launch returns, as under CUDA_LAUNCH_BLOCKING=1
  Latest,    // adversarial: only when a synchronization demands it
  Random,    // modelled, with every kernel's duration drawn from a seeded generator
};

struct Schedule {
  Order order = Order::Modelled;
  uint64_t random_state = 0;
  std::string name = "modelled";

  // Throws Error unless `name` is one of modelled, blocking, latest, random:SEED.
  static Schedule parse(const std::string& name);

  // The duration this schedule gives a kernel modelled to take `modelled` ns. Random draws.
  Time duration(Time modelled);
};

}  // namespace mtia::sim
