#include "ranges.h"

#include <ATen/record_function.h>

#include <memory>
#include <mutex>
#include <utility>

#include "../sim/host_thread.h"
#include "../sim/log/log.h"
#include "../sim/runtime.h"

namespace mtia::aten {

namespace {
// A range that is open. What it names lies between the calls that are counted when it begins and
// when it ends.
struct OpenRange final : at::ObserverContext {
  explicit OpenRange(const char* name) {
    record.name = name;
    record.begin = sim::clock_now();
    record.first = sim::log::calls_so_far() + 1;
    record.site = sim::log::site();
  }
  ~OpenRange() override {
    if (!sim::is_known_thread()) {
      return;  // nothing was called in it, and threads are numbered by their first call
    }
    record.thread = sim::this_thread().number;
    record.end = sim::clock_now();
    record.last = sim::log::calls_so_far();
    sim::log::append(std::move(record));
  }
  sim::RangeRecord record;
};

// Contract: called when a range begins; what is returned lives until it ends.
std::unique_ptr<at::ObserverContext> begin_range(const at::RecordFunction& function) {
  return std::make_unique<OpenRange>(function.name());
}

std::mutex ranges_mutex;
at::CallbackHandle ranges_handle = at::INVALID_CALLBACK_HANDLE;
}  // namespace

void watch_ranges() {
  std::lock_guard<std::mutex> lock(ranges_mutex);
  const bool watching = ranges_handle != at::INVALID_CALLBACK_HANDLE;
  if (sim::log::recording() == watching) {
    return;
  }
  if (watching) {
    at::removeCallback(std::exchange(ranges_handle, at::INVALID_CALLBACK_HANDLE));
  } else {
    ranges_handle = at::addGlobalCallback(
        at::RecordFunctionCallback(begin_range).scopes({at::RecordScope::USER_SCOPE}));
  }
}

}  // namespace mtia::aten
