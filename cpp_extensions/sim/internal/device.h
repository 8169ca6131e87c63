// A device: its streams, each a queue of commands, and the engines that work them off.
#pragma once

#include <array>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "../command.h"
#include "../embedder.h"

namespace mtia::sim {

struct Capture;

struct Stream {
  StreamRef ref;
  int priority = 0;
  Time last_finish = 0;        // of everything ever enqueued here
  std::list<Command> pending;  // first in, first out; a command leaves when its effect has run
  bool on_demand = false;      // its effects run when a wait demands them, and not before
  Capture* capture = nullptr;  // that takes what is enqueued here, instead of `pending`
};

struct Device {
  int index = 0;
  std::deque<Stream> streams;  // by id; a deque, since streams are referred to by address
  std::array<std::vector<Time>, kEngines> slots;  // when each slot of an engine is next free
  std::vector<Failure> failures;                  // of effects, not yet reported
  std::vector<StreamId> pools[2];                 // low and high priority, filled on demand
  size_t next_in_pool[2] = {0, 0};
};

}  // namespace mtia::sim
