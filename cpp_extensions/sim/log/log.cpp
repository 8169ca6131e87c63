#include "log.h"

#include <atomic>
#include <utility>

#include "../embedder.h"
#include "../host_thread.h"

namespace mtia::sim::log {

namespace {
std::mutex records_mutex;
std::atomic<int> depth{0};                       // recordings that are open
std::atomic<int> host_depth{0}, value_depth{0};  // of those, the ones that want more
std::atomic<CallId> calls{0};                    // so far
auto& records = never_deleted<std::shared_ptr<std::deque<Record>>>(new std::deque<Record>);

template <typename Inner>
void append_inner(Inner record) {
  if (CallRecord* call = this_thread().call) {
    record.call = call->id;
    call->inner.emplace_back(std::move(record));
    return;
  }
  std::lock_guard<std::mutex> lock(records_mutex);
  if (recording()) {
    records->emplace_back(std::move(record));
  }
}

}  // namespace

std::mutex& mutex() noexcept { return records_mutex; }

bool recording() noexcept { return depth.load(std::memory_order_relaxed) > 0; }

Site site() noexcept { return recording() ? embedder().call_site() : Site{}; }

void append(CallRecord record) {
  auto inner = std::move(record.inner);
  std::lock_guard<std::mutex> lock(records_mutex);
  if (!recording()) {
    return;
  }
  records->emplace_back(std::move(record));
  for (auto& one : inner) {
    std::visit([](auto& held) { records->emplace_back(std::move(held)); }, one);
  }
}

CallId next_call() noexcept { return ++calls; }

void append(CommandRecord record) { append_inner(std::move(record)); }
void append(MemoryRecord record) { append_inner(std::move(record)); }
void append(HostRecord record) { append_inner(std::move(record)); }
void append(ValueRecord record) { append_inner(std::move(record)); }

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
  return static_cast<int64_t>(records->size());
}

Part read(int64_t position) {
  std::lock_guard<std::mutex> lock(records_mutex);
  Part part{records, {}};
  for (size_t i = static_cast<size_t>(position); i < records->size(); ++i) {
    part.records.push_back(&(*records)[i]);  // a deque that grows moves none of its elements
  }
  return part;
}

void end(bool host, bool values) {
  std::lock_guard<std::mutex> lock(records_mutex);
  host_depth -= host;
  value_depth -= values;
  if (--depth == 0) {
    records = std::make_shared<std::deque<Record>>();
    calls = 0;
  }
}

}  // namespace mtia::sim::log
