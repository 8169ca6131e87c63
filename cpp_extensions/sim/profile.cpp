#include "profile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text.h"

namespace mtia::sim {

namespace {
struct Field {
  const char* name;
  int64_t Profile::* member;
  int64_t least;
  int64_t most;
};

constexpr int64_t kLargest = 1'000'000;
constexpr int64_t kFastest = 1'000'000'000'000;  // a microsecond
constexpr int64_t kMemory = int64_t{1} << 37;    // the address range of a device

constexpr std::array<Field, 13> kFields{{
    {"launch", &Profile::launch, 0, kLongest},
    {"event", &Profile::event, 0, kLongest},
    {"synchronize", &Profile::synchronize, 0, kLongest},
    {"query", &Profile::query, 0, kLongest},
    {"allocate", &Profile::allocate, 0, kLongest},
    {"latency", &Profile::latency, 0, kLongest},
    {"memory_bandwidth", &Profile::memory_bandwidth, 1, kFastest},
    {"link_bandwidth", &Profile::link_bandwidth, 1, kFastest},
    {"vector_throughput", &Profile::vector_throughput, 1, kFastest},
    {"matrix_throughput", &Profile::matrix_throughput, 1, kFastest},
    {"memory_bytes", &Profile::memory_bytes, int64_t{1} << 21, kMemory},
    {"kernel_slots", &Profile::kernel_slots, 1, kLargest},
    {"queue_depth", &Profile::queue_depth, 1, kLargest},
}};
}  // namespace

void Profile::set(const std::string& name, int64_t value) {
  for (const Field& field : kFields) {
    if (name != field.name) {
      continue;
    }
    if (value < field.least || value > field.most) {
      throw Error(str("profile field ", name, " is ", value, ", but it must be ", field.least,
                      " to ", field.most));
    }
    this->*field.member = value;
    return;
  }
  std::string known;
  for (const Field& field : kFields) {
    known += str(known.empty() ? "" : ", ", field.name);
  }
  throw Error("unknown profile field " + in_quotes(name) + "; the fields are " + known);
}

Time Profile::time_of(const Cost& cost) const {
  const auto time = [](int64_t amount, int64_t per_microsecond) {
    return amount / per_microsecond * 1000 + amount % per_microsecond * 1000 / per_microsecond;
  };
  return latency +
         std::max({time(cost.memory_bytes, memory_bandwidth), time(cost.link_bytes, link_bandwidth),
                   time(cost.vector_operations, vector_throughput),
                   time(cost.matrix_operations, matrix_throughput)});
}

}  // namespace mtia::sim
