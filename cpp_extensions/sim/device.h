// A device: its streams, each a queue of commands, and the engine slots its kernels run in.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "types.h"

namespace mtia::sim {

using Effect = std::function<void()>;

enum class CommandType { Kernel, Record, Wait };

// One version of an event: the record command that stands for it.
struct Recording {
  StreamRef stream;
  CommandId command = 0;
  Time finish = 0;
};

struct Command {
  CommandId id = 0;
  CommandType type = CommandType::Kernel;
  std::string name;
  Time enqueue = 0;
  Time start = 0;
  Time finish = 0;
  Effect effect;                   // kernels only; may be empty
  std::optional<Recording> after;  // waits only: bound when the wait was called
  Site site;
};

struct Stream {
  StreamRef ref;
  int priority = 0;
  Time last_finish = 0;        // of everything ever enqueued here
  std::list<Command> pending;  // first in, first out; a command leaves when its effect has run
};

struct Device {
  int index = 0;
  std::deque<Stream> streams;  // by id; a deque, since streams are referred to by address
  std::atomic<StreamId> stream_count{0};  // streams.size(), readable without the lock
  std::vector<Time> slots;                // when each kernel slot is next free
  std::vector<std::string> failures;      // of effects, not yet reported
  std::atomic<bool> touched{false};       // something was done here: the "primary context"
  std::vector<StreamId> pools[2];         // low and high priority, filled on demand
  size_t next_in_pool[2] = {0, 0};
};

}  // namespace mtia::sim
