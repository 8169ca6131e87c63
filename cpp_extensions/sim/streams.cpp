#include "streams.h"

#include <utility>

#include "internal/effects.h"
#include "internal/synchronize.h"
#include "runtime.h"

namespace mtia::sim {

namespace {
StreamRef add_stream(Device& device, int priority) {
  initialize();
  mark(device.touched);
  const StreamRef ref{device.index, device.stream_count};
  device.streams.push_back(Stream{ref, priority, 0, {}});
  ++device.stream_count;
  return ref;
}
}  // namespace

StreamRef new_stream(int device, int priority) {
  Lock lock = enter("getNewStream");
  return add_stream(device_at(device), priority);
}

StreamRef pool_stream(int index, bool high_priority) {
  constexpr size_t kPoolSize = 32;  // as c10/cuda
  Lock lock = enter("getStreamFromGlobalPool");
  Device& device = device_at(index);
  std::vector<StreamId>& pool = device.pools[high_priority];
  size_t& next = device.next_in_pool[high_priority];
  if (pool.size() < kPoolSize) {
    pool.push_back(add_stream(device, high_priority ? -1 : 0).id);
    return {index, pool.back()};
  }
  return {index, pool[next++ % kPoolSize]};
}

void run_on_demand(StreamRef ref) {
  Lock lock = enter("run_on_demand");
  stream_at(ref).on_demand = true;
}

void demand(StreamRef ref) {
  Lock lock = enter("demand");
  run_up_to(lock, newest(stream_at(ref)));
}

int stream_priority(StreamRef ref) {
  Lock lock = enter("stream_priority");
  return stream_at(ref).priority;
}

// Any number that tells streams apart would do; this one is the same every run and never null.
int64_t native_handle(StreamRef ref) {
  check_stream(ref);
  return (static_cast<int64_t>(ref.device) + 1) << 32 | ref.id;
}

bool query_stream(StreamRef ref) {
  Lock lock = enter("queryStream");
  const Stream& stream = stream_at(ref);
  return query(lock, newest(stream));
}

void synchronize_stream(StreamRef ref) {
  Lock lock = enter("synchronizeStream");
  const Stream& stream = stream_at(ref);
  synchronize(lock, newest(stream));
}

// Nothing to wait for is no reason to look whether this thread might.
void synchronize_uses(OrderedUses& uses) {
  Lock look(simulator().mutex);
  const bool waits = uses.last.has_value();
  look.unlock();
  if (waits) {
    Lock lock = enter("synchronizeUses");
    if (const auto last = std::exchange(uses.last, std::nullopt)) {
      synchronize(lock, *last);
    }
  }
}

void synchronize_device(int index) {
  Lock lock = enter("synchronizeDevice");
  Device& device = device_at(index);
  wait_for_device(lock, device);
  raise_failures(lock, device);
}

StreamPoint newest_point(StreamRef stream) {
  check_stream(stream);
  Lock lock(simulator().mutex);
  return newest(stream_at(stream));
}

bool is_complete(const StreamPoint& point) {
  check_stream(point.stream);
  Lock lock(simulator().mutex);
  return has_run(point);
}

}  // namespace mtia::sim
