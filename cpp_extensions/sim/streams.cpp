#include "streams.h"

#include <utility>

#include "internal/effects.h"
#include "internal/synchronize.h"
#include "runtime.h"

namespace mtia::sim {

namespace {
StreamRef add_stream(const Lock& lock, int index, int priority) {
  Device& device = device_at(lock, index);
  initialize();
  mark(process.touched[index]);
  const StreamRef ref{index, static_cast<StreamId>(device.streams.size())};
  device.streams.push_back(Stream{ref, priority, 0, {}});
  process.last_stream[index] = ref.id;
  return ref;
}
}  // namespace

// [streams.new_stream]
StreamRef new_stream(int device, int priority) {
  Lock lock = enter("new_stream");
  return add_stream(lock, device, priority);
}

// See Note [Stream pool].
StreamRef pool_stream(int index, bool high_priority) {
  constexpr size_t kPoolSize = 32;
  Lock lock = enter("pool_stream");
  Device& device = device_at(lock, index);
  std::vector<StreamId>& pool = device.pools[high_priority];
  size_t& next = device.next_in_pool[high_priority];
  if (pool.size() < kPoolSize) {
    pool.push_back(add_stream(lock, index, high_priority ? -1 : 0).id);
    return {index, pool.back()};
  }
  return {index, pool[next++ % kPoolSize]};
}

void run_on_demand(StreamRef ref) {
  Lock lock = enter("run_on_demand");
  stream_at(lock, ref).on_demand = true;
}

void demand(StreamRef ref) {
  Lock lock = enter("demand");
  run_up_to(lock, end_of(lock, stream_at(lock, ref)));
}

int stream_priority(StreamRef ref) {
  Lock lock = enter("stream_priority");
  return stream_at(lock, ref).priority;
}

// [streams.native_handle]
// Any number that differs from stream to stream would do; this one is the same every run and never
// null.
int64_t native_handle(StreamRef ref) {
  check_stream(ref);
  return (static_cast<int64_t>(ref.device) + 1) << 32 | ref.id;
}

bool query_stream(StreamRef ref) {
  Lock lock = enter("query_stream");
  return query(lock, end_of(lock, stream_at(lock, ref)));
}

void synchronize_stream(StreamRef ref) {
  Lock lock = enter("synchronize_stream");
  synchronize(lock, end_of(lock, stream_at(lock, ref)));
}

void synchronize_device(int index) {
  Lock lock = enter("synchronize_device");
  Device& device = device_at(lock, index);
  wait_for_device(lock, device);
  raise_failures(lock, device);
}

// Where there is nothing to wait for, this may be called by a thread that may not wait.
void synchronize_uses(OrderedUses& uses) {
  Lock look;
  const bool waits = uses.last.has_value();
  look.unlock();
  if (waits) {
    Lock lock = enter("synchronize_uses");
    if (const auto last = std::exchange(uses.last, std::nullopt)) {
      synchronize(lock, *last);
    }
  }
}

StreamPoint end_of_stream(StreamRef stream) {
  Lock lock;
  return end_of(lock, stream_at(lock, stream));
}

bool is_complete(const StreamPoint& point) {
  check_stream(point.stream);
  Lock lock;
  return has_run(lock, point);
}

}  // namespace mtia::sim
