// Calls into the backend, for the log. Every override of the guard and the hooks but "are you
// there?" (isBuilt, hasMTIA, isAvailable) goes through logged(). When nothing is being recorded,
// that is one load and one branch; else the call lands in the log, with what it was given, what it
// gave back or threw, when, from which line, and the thread's state when it returned.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "../sim/log/log.h"

namespace mtia::backend {

struct EventHandle {  // so that an event reads "event 3"
  sim::EventId id;
};

// How arguments and results read in the log. Streams as "mtia:0/3": device, then stream id.
std::string show(bool value);
std::string show(int64_t value);
std::string show(double value);
std::string show(const c10::Device& device);
std::string show(const c10::Stream& stream);
inline const std::string& show(const std::string& value) { return value; }
std::string show(EventHandle event);
std::string show(const c10::MempoolId_t& pool);
template <typename T>
std::enable_if_t<std::is_integral_v<T>, std::string> show(T value) {
  return show(static_cast<int64_t>(value));
}
template <typename... Args>
std::string listed(const Args&... args) {
  std::string text;
  ((text += text.empty() ? "" : ", ", text += show(args)), ...);
  return text;
}

// This thread's device, then its current stream of each device.
std::vector<int64_t> thread_state();

// How many calls this thread has made into the backend while something was recording.
int64_t calls_of_this_thread() noexcept;

// The record of one call, from construction until it is closed and put into the log.
class OpenCall {
 public:
  OpenCall(const char* door, const char* name, std::string args);
  // What the call was given, for programs: streams and events.
  template <typename T>
  void note(const T&) {}
  void note(const c10::Stream& stream) {
    record_.stream = sim::StreamRef{stream.device_index(), stream.id()};
  }
  void note(EventHandle event) {
    if (event.id != 0) {
      record_.events.push_back(event.id);
    }
  }
  void close() noexcept;
  void close(std::string result) noexcept;
  void close(const std::exception& error) noexcept;

 private:
  sim::CallRecord record_;
  sim::CallRecord* outer_;  // calls nest when an effect lets go of an event
};

template <typename Body, typename... Args>
auto logged(const char* door, const char* name, const Body& body, const Args&... args) {
  if (!sim::log::recording()) {
    return body();
  }
  OpenCall call(door, name, listed(args...));
  (call.note(args), ...);
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      call.close();
    } else {
      auto result = body();
      if constexpr (std::is_pointer_v<decltype(result)>) {
        call.close();
      } else {
        call.close(show(result));
      }
      return result;
    }
  } catch (const std::exception& error) {
    call.close(error);
    throw;
  }
}

}  // namespace mtia::backend
