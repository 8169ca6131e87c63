#include "log.h"

#include <atomic>
#include <deque>
#include <mutex>

#include "embedder.h"
#include "host_thread.h"
#include "log_json.h"

namespace mtia::sim::log {

namespace {
using Record = std::variant<CallRecord, CommandRecord, MemoryRecord, HostRecord, ValueRecord>;

std::mutex records_mutex;
std::atomic<int> depth{0};                       // recordings that are open
std::atomic<int> host_depth{0}, value_depth{0};  // of those, the ones that want more
std::deque<Record> records;

template <typename Inner>
void append_inner(Inner record) {
  if (CallRecord* call = this_thread().call) {
    call->inner.emplace_back(std::move(record));
    return;
  }
  std::lock_guard<std::mutex> lock(records_mutex);
  if (recording()) {
    records.emplace_back(std::move(record));
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
  records.emplace_back(std::move(record));
  for (auto& one : inner) {
    std::visit([](auto& held) { records.emplace_back(std::move(held)); }, one);
  }
}

void append(CommandRecord record) { append_inner(std::move(record)); }
void append(MemoryRecord record) { append_inner(std::move(record)); }
void append(HostRecord record) { append_inner(std::move(record)); }
void append(ValueRecord record) { append_inner(std::move(record)); }

void waited(Time from, Time to) {
  if (CallRecord* call = this_thread().call) {
    call->waits.emplace_back(from, to);
  }
}

void synchronized(Known known) {
  if (CallRecord* call = this_thread().call; call != nullptr && known.command > 0) {
    call->synchronized.push_back(known);
  }
}

bool wants_host() noexcept { return host_depth.load(std::memory_order_relaxed) > 0; }
bool wants_values() noexcept { return value_depth.load(std::memory_order_relaxed) > 0; }

int64_t begin(bool host, bool values) {
  std::lock_guard<std::mutex> lock(records_mutex);
  ++depth;
  host_depth += host;
  value_depth += values;
  return static_cast<int64_t>(records.size());
}

std::string read(int64_t position) {
  std::lock_guard<std::mutex> lock(records_mutex);
  std::string out;
  for (size_t i = static_cast<size_t>(position); i < records.size(); ++i) {
    std::visit([&](const auto& record) { write(out, record); }, records[i]);
  }
  return out;
}

void end(bool host, bool values) {
  std::lock_guard<std::mutex> lock(records_mutex);
  host_depth -= host;
  value_depth -= values;
  if (--depth == 0) {
    records.clear();
  }
}

}  // namespace mtia::sim::log
