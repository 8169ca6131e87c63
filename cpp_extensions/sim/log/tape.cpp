#include "tape.h"

#include <algorithm>
#include <tuple>

namespace mtia::sim::log {

namespace {
constexpr int kBits = 7;  // of a number in each of its bytes, the lowest first
constexpr uint8_t kMore = 1 << kBits;
}  // namespace

bool ByPlace::operator()(const Access& one, const Access& other) const {
  const auto key = [](const Access& access) {
    return std::tie(access.address, access.bytes, access.device, access.layout);
  };
  return key(one) < key(other);
}

// Small numbers take few bytes, those below zero as well: 0, -1, 1, -2 are written as 0, 1, 2, 3.
void Tape::write(Kind kind, int64_t number) {
  put(kind);
  auto rest = static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
  for (; rest >= kMore; rest >>= kBits) {
    put(rest | kMore);
  }
  put(rest);
}

void Tape::write(const char* text) {
  if (text == nullptr) {
    return write_none();
  }
  const auto [at, is_new] = literals_.try_emplace(text, 0);
  if (is_new) {
    at->second = texts_.number_of(text);
  }
  write(Kind::Text, at->second);
}

void Tape::write(StreamRef stream) {
  pair_ = {stream.device, stream.id};
  write(pair_);
}

void Tape::write(const Bytes& bytes) {
  write(Kind::Bytes, static_cast<int64_t>(bytes.held.size()));
  bytes_ += bytes.held;
}

void Tape::write(const Known& known) {
  put(Kind::Known);
  known.fields([this](const char* /*name*/, const auto& value) { write(value); });
}

void Tape::write(const Wait& wait) {
  write(Kind::Tuple, 2);
  write(At{wait.from});
  write(At{wait.to});
}

void Tape::write(const Used& used) {
  const auto is_meant = [&](const Access& access) { return access.write == used.write; };
  write(Kind::Tuple, std::count_if(used.accesses.begin(), used.accesses.end(), is_meant));
  for (const Access& access : used.accesses) {
    if (is_meant(access)) {
      write(access);
    }
  }
}

// Several, such as a state, come again and again; a single one, as what a wait is for, is new.
void Tape::write(const std::vector<int64_t>& numbers) {
  if (numbers.size() > 1) {
    write(Kind::Numbers, tuples_.number_of(numbers));
    return;
  }
  write(Kind::Tuple, static_cast<int64_t>(numbers.size()));
  for (const int64_t number : numbers) {
    write(number);
  }
}

Part Tape::from(size_t record) const {
  Part part{{}, texts_.values(), tuples_.values(), accesses_.values(), nullptr};
  if (record < begins_.size()) {
    part.bytes = bytes_.substr(begins_[record]);
  }
  return part;
}

uint8_t Reader::byte() {
  const char first = rest_.front();
  rest_.remove_prefix(1);
  return static_cast<uint8_t>(first);
}

int64_t Reader::number() {
  uint64_t found = 0;
  uint8_t last = kMore;
  for (int shift = 0; last & kMore; shift += kBits) {
    last = byte();
    found |= static_cast<uint64_t>(last & (kMore - 1)) << shift;
  }
  return static_cast<int64_t>(found >> 1 ^ (~(found & 1) + 1));
}

std::string_view Reader::bytes(size_t count) {
  const std::string_view found = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return found;
}

}  // namespace mtia::sim::log
