// The words every part of the simulator shares.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

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

// A name that many commands share, kept for ever: what they hold is one pointer.
using Name = const std::string*;
Name intern(const std::string& name);

// Where in the reader's own program a call came from, as "In[3]:2" or "train.py:12"; empty unless
// lines are being captured.
using Site = std::string;

// A refusal: what went wrong, why, and what to do next. PyTorch turns it into a RuntimeError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mtia::sim
