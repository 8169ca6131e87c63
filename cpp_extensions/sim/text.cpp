#include "text.h"

#include <cstdint>

namespace mtia::sim {

namespace {
constexpr size_t kMostColumns = 300;  // columns

std::string hex(uint32_t code, int digits) {
  std::string text;
  for (int k = digits - 1; k >= 0; --k) {
    text += "0123456789abcdef"[(code >> (4 * k)) & 15];
  }
  return text;
}

uint32_t code_point(const std::string& text, size_t at, size_t length) {
  uint32_t code = text[at] & (length == 1 ? 0x7F : 0xFF >> (length + 1));
  for (size_t k = 1; k < length; ++k) {
    code = code << 6 | (text[at + k] & 0x3F);
  }
  return code;
}

std::string escaped(uint32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code < 0x100     ? "\\x" + hex(code, 2)
             : code < 0x10000 ? "\\u" + hex(code, 4)
                              : "\\U" + hex(code, 8);
  }
}

// How many bytes the character has that begins at `at`; 0 if that is not UTF-8.
size_t utf8_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t k) { return k < text.size() ? text[k] & 0xFF : 0; };
  const int first = byte(at), second = byte(at + 1);
  if (first < 0x80) {
    return 1;
  }
  const size_t length = first < 0xC2   ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(at + k) & 0xC0) != 0x80) {
      return 0;
    }
  }
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F, beyond = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

std::string plain(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    const uint32_t code = length == 0 ? text[at] & 0xFF : code_point(text, at, length);
    out += code >= 0x20 && code < 0x7F ? std::string(1, text[at]) : escaped(code);
    at += length == 0 ? 1 : length;
    if (out.size() > kMostColumns) {
      return out.substr(0, kMostColumns - 2) + "..";
    }
  }
  return out;
}

std::string in_quotes(const std::string& name) { return "'" + plain(name) + "'"; }

}  // namespace mtia::sim
