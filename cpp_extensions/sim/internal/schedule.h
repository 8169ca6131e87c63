// When a command's effect becomes visible: one of four schedules, or an order that is given.
#pragma once

#include <map>
#include <string>

#include "../types.h"

namespace mtia::sim {

enum class Order {
  Modelled,  // at its modelled finish time
  Blocking,  // before its launch returns, as under CUDA_LAUNCH_BLOCKING=1
  Latest,    // adversarial: only when a synchronization demands it
  Random,    // modelled, with every kernel's duration drawn from a seeded generator
  Given,     // as the host enqueues them, but for those that the schedule's name puts off
};

// Note [Given orders]
// ~~~~~~~~~~~~~~~~~~~
// "order:2@4,3@4" counts the commands from 1 since it was configured, and the host's steps: it
// takes one for each command that it enqueues and one for each use of pinned memory that is
// recorded. Here the second command runs once the host has taken four steps, and after it the
// third; all others run as soon as they are enqueued. Virtual time is as under "modelled", a query
// is answered by it, and a synchronization has whatever it waits for run before it returns.

struct Schedule {
  Order order = Order::Modelled;
  uint64_t random_state = 0;
  CommandId first = 0;                // of a given order: the newest command when it was configured
  int64_t steps = 0;                  // that the host has taken since then
  std::map<CommandId, Time> put_off;  // until when commands are, by number
  std::string name = "modelled";

  // Throws Error unless `name` is one of modelled, blocking, latest, random:SEED, or an order.
  static Schedule parse(const std::string& name);

  // The duration this schedule gives a kernel modelled to take `modelled` ns. Random draws.
  Time duration(Time modelled);

  // When effects happen is compared with this: the host's clock, or its steps in a given order.
  Time now(Time clock) const;
  // When the effect of a command is to happen that finishes at `finish`. Given orders count it.
  Time due(CommandId id, Time finish);
};

}  // namespace mtia::sim
