// The words every part of the simulator shares.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace mtia::sim {

using Time = int64_t;  // virtual nanoseconds since the process started
using StreamId = int64_t;
using EventId = int64_t;
using CommandId = int64_t;
using CaptureId = int64_t;
using PoolId = int64_t;  // of memory; 0: the ordinary pool. Others keep that of a captured graph.

constexpr int kMaxDevices = 16;
constexpr Time kLongest = 1'000'000'000'000;  // a thousand virtual seconds: sums do not overflow

struct StreamRef {
  int device = 0;
  StreamId id = 0;
  bool operator==(const StreamRef& other) const { return device == other.device && id == other.id; }
};

std::string to_string(StreamRef stream);  // "stream 3 of mtia:0"
std::string microseconds(Time time);      // "12.5 us"

// All of it as one text, as c10::str: texts, integers, and streams as to_string() gives them.
struct Text {
  std::string text;
  Text& operator<<(const char* part);
  Text& operator<<(const std::string& part);
  Text& operator<<(int64_t number);
  Text& operator<<(StreamRef stream);
};
template <typename... Parts>
std::string str(const Parts&... parts) {
  return (Text() << ... << parts).text;
}

// A name that many commands share and that is never freed: each of them holds one pointer.
using Name = const std::string*;
Name intern(const std::string& name);

// The line of the user's program that a call came from, as "In[3]:2" or "train.py:12"; empty unless
// lines are being captured.
using Site = std::string;

// State of the process that lives as long: effects run, and memory is freed, during its exit.
template <typename T, typename... Args>
T& never_deleted(Args&&... args) {
  auto* const made = new T(std::forward<Args>(args)...);
  return *made;
}

// A refusal: what went wrong, why, and what to do next. The embedder makes an exception of it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mtia::sim
