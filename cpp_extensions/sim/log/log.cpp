#include "log.h"

#include <atomic>
#include <memory>
#include <utility>

#include "../embedder.h"
#include "../host_thread.h"

namespace mtia::sim::log {

namespace {
std::mutex records_mutex;
std::atomic<int> depth{0};                       // recordings that are open
std::atomic<int> host_depth{0}, value_depth{0};  // of those, the ones that want more
std::atomic<CallId> calls{0};                    // so far
auto& tape = never_deleted<std::shared_ptr<Tape>>(std::make_shared<Tape>());

template <typename Inner>
void append_inner(Inner record) {
  if (CallRecord* call = this_thread().call) {
    record.call = call->id;
    call->inner.emplace_back(std::move(record));
    return;
  }
  std::lock_guard<std::mutex> lock(records_mutex);
  if (recording()) {
    tape->append(record);
  }
}

}  // namespace

std::mutex& mutex() noexcept { return records_mutex; }

bool recording() noexcept { return depth.load(std::memory_order_relaxed) > 0; }

Site site() noexcept { return recording() ? embedder().call_site() : Site{}; }

void append(const CallRecord& record) {
  std::lock_guard<std::mutex> lock(records_mutex);
  if (!recording()) {
    return;
  }
  tape->append(record);
  for (const auto& inner : record.inner) {
    std::visit([](const auto& held) { tape->append(held); }, inner);
  }
}

CallId next_call() noexcept { return ++calls; }
CallId calls_so_far() noexcept { return calls; }

void append(CommandRecord record) { append_inner(std::move(record)); }
void append(MemoryRecord record) { append_inner(std::move(record)); }
void append(HostRecord record) { append_inner(std::move(record)); }
void append(ValueRecord record) { append_inner(std::move(record)); }
void append(RangeRecord record) { append_inner(std::move(record)); }

void waited(Time from, Time to) {
  if (CallRecord* call = this_thread().call) {
    call->waits.push_back({from, to});
  }
}

void synchronized(Known known) {
  if (CallRecord* call = this_thread().call; call != nullptr && known.command > 0) {
    call->synchronized.push_back(known);
  }
}

void mark(const char* marker) {
  if (CallRecord* call = this_thread().call) {
    call->marker = marker;
  }
}

bool wants_host() noexcept { return host_depth.load(std::memory_order_relaxed) > 0; }
bool wants_values() noexcept { return value_depth.load(std::memory_order_relaxed) > 0; }

int64_t begin(bool host, bool values) {
  std::lock_guard<std::mutex> lock(records_mutex);
  ++depth;
  host_depth += host;
  value_depth += values;
  return static_cast<int64_t>(tape->size());
}

Part read(int64_t position) {
  std::lock_guard<std::mutex> lock(records_mutex);
  Part part = tape->from(static_cast<size_t>(position));
  part.owner = tape;
  return part;
}

void end(bool host, bool values) {
  std::lock_guard<std::mutex> lock(records_mutex);
  host_depth -= host;
  value_depth -= values;
  if (--depth == 0) {
    tape = std::make_shared<Tape>();
    calls = 0;
  }
}

}  // namespace mtia::sim::log
