// Text that others chose, as messages can show it. The Python side's is mtia_lab/errors.py.
#pragma once

#include <string>

namespace mtia::sim {

// One line of printable ASCII, anything else escaped; of a long text the beginning and two dots.
std::string plain(const std::string& text);

// The same between single quotation marks.
std::string in_quotes(const std::string& name);

}  // namespace mtia::sim
