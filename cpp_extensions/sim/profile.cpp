#include "profile.h"

#include <array>
#include <utility>

namespace mtia::sim {

namespace {
struct Field {
  const char* name;
  int64_t Profile::* member;
  int64_t least;
};

constexpr std::array<Field, 6> kFields{{
    {"launch", &Profile::launch, 0},
    {"event", &Profile::event, 0},
    {"synchronize", &Profile::synchronize, 0},
    {"query", &Profile::query, 0},
    {"kernel_slots", &Profile::kernel_slots, 1},
    {"queue_depth", &Profile::queue_depth, 1},
}};
}  // namespace

void Profile::set(const std::string& name, int64_t value) {
  for (const Field& field : kFields) {
    if (name != field.name) {
      continue;
    }
    if (value < field.least) {
      throw Error("profile field " + name + " is " + std::to_string(value) +
                  ", but it must be at least " + std::to_string(field.least));
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
