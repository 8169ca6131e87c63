// Text that others chose, as messages can show it. The Python side's is mtia_lab/errors.py.
#pragma once

#include <cstddef>
#include <string>

namespace mtia::sim {

// How many bytes the character has that begins at `at`; 0 if that is not UTF-8.
size_t utf8_length(const std::string& text, size_t at);

// One line of printable ASCII, anything else escaped; of a long text the beginning and two dots.
std::string plain(const std::string& text);

// The same between single quotation marks.
std::string in_quotes(const std::string& name);

}  // namespace mtia::sim
