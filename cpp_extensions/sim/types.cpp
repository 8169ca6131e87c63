#include "types.h"

#include <mutex>
#include <unordered_set>

namespace mtia::sim {

std::string to_string(StreamRef stream) {
  return str("stream ", stream.id, " of mtia:", stream.device);
}

std::string microseconds(Time time) {
  if (time < 0) {
    return "-" + microseconds(-time);
  }
  std::string text = std::to_string(time / 1000);
  if (int64_t rest = time % 1000) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + " us";
}

Text& Text::operator<<(const char* part) {
  text += part;
  return *this;
}
Text& Text::operator<<(const std::string& part) {
  text += part;
  return *this;
}
Text& Text::operator<<(int64_t number) { return *this << std::to_string(number); }
Text& Text::operator<<(StreamRef stream) { return *this << to_string(stream); }

Name intern(const std::string& name) {
  static std::mutex mutex;
  static auto* const names = new std::unordered_set<std::string>;  // elements never move
  std::lock_guard<std::mutex> lock(mutex);
  return &*names->insert(name).first;
}

}  // namespace mtia::sim
