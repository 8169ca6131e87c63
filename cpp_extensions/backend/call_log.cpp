#include "call_log.h"

#include <cstdio>

#include "../sim/host_thread.h"
#include "../sim/runtime.h"

namespace mtia::backend {

std::string show(bool value) { return value ? "True" : "False"; }
std::string show(int64_t value) { return std::to_string(value); }
std::string show(const std::string& value) { return value; }

std::string show(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  return text;
}

std::string show(const c10::Device& device) { return device.str(); }

std::string show(const c10::Stream& stream) {
  return stream.device().str() + "/" + std::to_string(stream.id());
}

std::string show(EventHandle event) {
  return event.id == 0 ? "new event" : "event " + std::to_string(event.id);
}

std::string show(const c10::MempoolId_t& pool) {
  return "(" + std::to_string(pool.first) + ", " + std::to_string(pool.second) + ")";
}

std::vector<int64_t> thread_state() {
  const sim::HostThread& thread = sim::this_thread();
  std::vector<int64_t> state{thread.device};
  for (int device = 0; device < sim::device_count(); ++device) {
    state.push_back(thread.streams[device]);
  }
  return state;
}

namespace {
thread_local int64_t calls = 0;
}

int64_t calls_of_this_thread() noexcept { return calls; }

OpenCall::OpenCall(const char* door, const char* name, std::string args)
    : record{door, name, std::move(args), std::nullopt, std::nullopt} {
  ++calls;
  record.site = sim::log::site();
  sim::HostThread& thread = sim::this_thread();
  record.thread = thread.number;
  record.begin = sim::clock_now();
  outer_ = std::exchange(thread.call, &record);
}

void OpenCall::close() noexcept {
  sim::this_thread().call = outer_;
  record.end = sim::clock_now();
  record.state = thread_state();
  sim::log::append(std::move(record));
}

}  // namespace mtia::backend
