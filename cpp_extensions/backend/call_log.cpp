#include "call_log.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "../sim/host_thread.h"
#include "../sim/runtime.h"

namespace mtia::backend {

std::string show(bool value) { return value ? "True" : "False"; }
std::string show(int64_t value) { return std::to_string(value); }

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
  std::vector<int64_t> state(static_cast<size_t>(1 + sim::device_count()), thread.device);
  std::copy_n(thread.streams.begin(), sim::device_count(), state.begin() + 1);
  return state;
}

namespace {
thread_local int64_t calls = 0;
}

int64_t calls_of_this_thread() noexcept { return calls; }

OpenCall::OpenCall(const char* door, const char* name, std::string args)
    : record_{door, name, std::move(args), std::nullopt, std::nullopt} {
  ++calls;
  record_.site = sim::log::site();
  sim::HostThread& thread = sim::this_thread();
  record_.thread = thread.number;
  record_.begin = sim::clock_now();
  outer_ = std::exchange(thread.call, &record_);
  record_.id = sim::log::next_call();
  record_.call = outer_ == nullptr ? 0 : outer_->id;
}

void OpenCall::close() noexcept {
  sim::this_thread().call = outer_;
  record_.end = sim::clock_now();
  record_.state = thread_state();
  sim::log::append(record_);
}

void OpenCall::close(std::string result) noexcept {
  record_.result = std::move(result);
  close();
}

void OpenCall::close(const std::exception& error) noexcept {
  const auto* torchs = dynamic_cast<const c10::Error*>(&error);  // what() has addresses, too
  record_.error = torchs != nullptr ? torchs->what_without_backtrace() : error.what();
  close();
}

}  // namespace mtia::backend
