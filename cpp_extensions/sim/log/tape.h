// Records as bytes, which take a tenth of what they take as objects. Each is the number of its kind
// and then its fields, each of them a value; what many records share stands in tables, once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "records.h"

namespace mtia::sim::log {

// What a value is. A number follows: the value itself, where it stands in its table, or how many
// values or bytes it is made of. After None and Known there is no number, and a Known's fields.
enum class Kind : uint8_t { None, Number, Moment, Text, Numbers, Access, Tuple, Known, Bytes };

// Values by their number, in the order in which they came.
template <typename Map>
class Table {
 public:
  using Value = typename Map::key_type;

  int64_t number_of(const Value& value) {
    const auto [at, is_new] = numbers_.try_emplace(value, values_.size());
    if (is_new) {
      values_.push_back(&at->first);
    }
    return at->second;
  }
  const std::vector<const Value*>& values() const { return values_; }

 private:
  Map numbers_;  // whose keys never move
  std::vector<const Value*> values_;
};

// Whether it is the same memory, read or written.
struct ByPlace {
  bool operator()(const Access& one, const Access& other) const;
};

using Texts = Table<std::unordered_map<std::string, int64_t>>;
using Tuples = Table<std::map<std::vector<int64_t>, int64_t>>;
using Accesses = Table<std::map<Access, int64_t, ByPlace>>;

// Which of the kinds of records it is.
template <typename T, typename... Kinds>
constexpr size_t place_among(const std::variant<Kinds...>* /*none*/) {
  size_t place = 0;
  (void)((std::is_same_v<T, Kinds> || (++place, false)) || ...);
  return place;
}

class Tape {
 public:
  size_t size() const { return begins_.size(); }

  template <typename T>
  void append(const T& record) {
    begins_.push_back(bytes_.size());
    put(place_among<T>(static_cast<Record*>(nullptr)));
    record.fields([this](const char* /*name*/, const auto& value) { write(value); });
  }

  // Some records, apart from the tape: it may grow meanwhile.
  struct Part {
    std::string bytes;
    std::vector<const std::string*> texts;
    std::vector<const std::vector<int64_t>*> tuples;
    std::vector<const Access*> accesses;
    std::shared_ptr<const Tape> owner;  // of all that these point to
  };
  Part from(size_t record) const;

 private:
  void put(uint64_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void put(Kind kind) { put(static_cast<uint64_t>(kind)); }
  void write(Kind kind, int64_t number);
  void write_none() { put(Kind::None); }
  void write(int64_t number) { write(Kind::Number, number); }
  void write(int number) { write(Kind::Number, number); }
  void write(At at) { write(Kind::Moment, at.time); }
  void write(const std::string& text) { write(Kind::Text, texts_.number_of(text)); }
  void write(const char* text);  // that is never freed; null: None
  void write(const Bytes& bytes);
  void write(const Access& access) { write(Kind::Access, accesses_.number_of(access)); }
  void write(const Known& known);
  void write(const Wait& wait);
  void write(const Used& used);
  void write(StreamRef stream);
  void write(const std::vector<int64_t>& numbers);
  template <typename T>
  void write(const std::vector<T>& values) {
    write(Kind::Tuple, static_cast<int64_t>(values.size()));
    for (const T& value : values) {
      write(value);
    }
  }
  template <typename T>
  void write(const std::optional<T>& value) {
    value ? write(*value) : write_none();
  }
  template <typename T>
  void write(const Unless<T>& value) {
    value.value == value.none ? write_none() : write(value.value);
  }

  std::string bytes_;
  std::vector<size_t> begins_;  // of each record
  Texts texts_;
  std::unordered_map<const char*, int64_t> literals_;  // their numbers among the texts
  Tuples tuples_;
  std::vector<int64_t> pair_;  // only one, to have its memory once
  Accesses accesses_;
};

using Part = Tape::Part;

// Goes through the bytes of a part.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  uint8_t byte();
  Kind kind() { return static_cast<Kind>(byte()); }
  int64_t number();
  std::string_view bytes(size_t count);

 private:
  std::string_view rest_;
};

}  // namespace mtia::sim::log
