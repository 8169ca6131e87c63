#include "effects.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "../embedder.h"
#include "../graph/internal/capture.h"
#include "../host_thread.h"
#include "../log/log.h"
#include "../memory/protection.h"
#include "../text.h"

namespace mtia::sim {

namespace {

// Marks this thread as inside an effect, also when the effect throws.
struct InEffect {
  InEffect() { this_thread().in_effect = true; }
  ~InEffect() { this_thread().in_effect = false; }
};

// Runs the effect and returns why it failed, if it did. Its closure dies here, without the lock,
// since destroying what it holds may run arbitrary code.
std::exception_ptr failure_of(Effect effect) {
  InEffect mark;
  try {
    effect();
    return nullptr;
  } catch (...) {
    return embedder().keep(std::current_exception());
  }
}

std::string describe(const Command& command, StreamRef stream) {
  const std::string where = command.site.empty() ? "" : ", enqueued at " + plain(command.site);
  return str("kernel ", in_quotes(*command.name), " failed on ", stream, " at ",
             microseconds(command.finish), " of virtual time", where);
}

void log_values(const Lock& lock, const Command& command) {
  for (const Access& access : command.accesses) {
    if (access.write && access.at != nullptr) {
      const auto size = static_cast<size_t>(std::min(access.bytes, log::kValueBytes));
      Bytes bytes{std::string(static_cast<const char*>(access.at), size)};
      log::append(ValueRecord{command.id, access, std::move(bytes), lock->clock,
                              this_thread().number, command.site});
    }
  }
}

void run_front(Lock& lock, Stream& stream) {
  Command command = std::move(stream.pending.front());
  stream.pending.pop_front();
  if (!command.effect) {
    return;
  }
  lock->effect = command.name;
  lock.unlock();
  const std::exception_ptr error = failure_of(std::move(command.effect));
  lock.lock();
  if (error) {
    lock->devices[stream.ref.device].failures.push_back({describe(command, stream.ref), error});
  } else if (log::wants_values()) {
    log_values(lock, command);
  }
}

// While a batch runs, every other thread waits in enter(), so its order is kept.
class Batch {
 public:
  explicit Batch(const Lock& lock) : lock_(lock) {
    lock_->effects_thread = reinterpret_cast<std::uintptr_t>(pthread_self());
    lock_->running_effects = true;
  }
  ~Batch() {
    lock_->running_effects = false;
    lock_->effects_done.notify_all();
    embedder().effects_are_done();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

 private:
  const Lock& lock_;
  const OpenMemory open_;
};

using Front = std::map<Stream*, CommandId>;  // of each stream, everything up to this command

// Adds to `front` what its waits wait for, until nothing is missing: the happens-before closure.
void close(const Lock& lock, Front& front) {
  std::vector<std::pair<Stream*, CommandId>> work(front.begin(), front.end());
  Front seen;
  while (!work.empty()) {
    auto [stream, last] = work.back();
    work.pop_back();
    const CommandId from = std::exchange(seen[stream], std::max(seen[stream], last));
    for (const Command& command : stream->pending) {
      if (command.id > last) {
        break;
      }
      if (command.id > from && command.after) {
        Stream& other = stream_at(lock, command.after->stream);
        front[&other] = std::max(front[&other], command.after->command);
        work.emplace_back(&other, command.after->command);
      }
    }
  }
}

void run_closure(Lock& lock, Front front) {
  close(lock, front);
  std::vector<Due> order;
  for (auto [stream, last] : front) {
    for (const Command& command : stream->pending) {
      if (command.id > last) {
        break;
      }
      order.push_back(Due{command.finish, command.id, stream});
    }
  }
  std::sort(order.begin(), order.end(), [](const Due& a, const Due& b) { return b > a; });
  const Batch batch(lock);
  for (const Due& next : order) {
    run_front(lock, *next.stream);
  }
}

}  // namespace

void run_due(Lock& lock) {
  DueQueue& due = lock->due;
  const auto one_is_due = [&] {
    return !due.empty() && due.top().finish <= lock->schedule.now(lock->clock);
  };
  if (!one_is_due()) {
    return;
  }
  const Batch batch(lock);
  while (one_is_due()) {
    const Due next = due.top();
    due.pop();
    const auto& pending = next.stream->pending;
    if (!pending.empty() && pending.front().id == next.id) {  // else it was demanded before
      run_front(lock, *next.stream);
    }
  }
}

void run_up_to(Lock& lock, StreamPoint target) {
  run_closure(lock, {{&stream_at(lock, target.stream), target.command}});
}

void run_all(Lock& lock, Device& device) {
  Front front;
  for (Stream& stream : device.streams) {
    if (!stream.pending.empty()) {
      front[&stream] = stream.pending.back().id;
    }
  }
  run_closure(lock, std::move(front));
}

// A command leaves its stream before its effect runs: while any runs, none is known to have.
bool has_run(const Lock& lock, const StreamPoint& point) {
  if (point.capture != 0) {
    return is_gone(lock, point.capture);
  }
  const auto& pending = stream_at(lock, point.stream).pending;
  const bool none = pending.empty() || pending.front().id > point.command;
  return none && !lock->running_effects;
}

}  // namespace mtia::sim
