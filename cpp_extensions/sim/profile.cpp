#include "profile.h"

#include <array>
#include <utility>

namespace mtia::sim {

namespace {
struct Field {
  const char* name;
  int64_t Profile::* member;
  int64_t least;
  int64_t most;
};

constexpr int64_t kLargest = 1'000'000;

constexpr std::array<Field, 6> kFields{{
    {"launch", &Profile::launch, 0, kLongest},
    {"event", &Profile::event, 0, kLongest},
    {"synchronize", &Profile::synchronize, 0, kLongest},
    {"query", &Profile::query, 0, kLongest},
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
      throw Error("profile field " + name + " is " + std::to_string(value) + ", but it must be " +
                  std::to_string(field.least) + " to " + std::to_string(field.most));
    }
    this->*field.member = value;
    return;
  }
  std::string known;
  for (const Field& field : kFields) {
    known += std::string(known.empty() ? "" : ", ") + field.name;
  }
  throw Error("unknown profile field '" + name + "'; the fields are " + known);
}

}  // namespace mtia::sim
