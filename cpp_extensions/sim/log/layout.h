// How a tensor lies in memory. Many accesses share one layout, which is kept for ever.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mtia::sim {

struct Layout {
  std::string dtype;  // as "float32"
  int64_t itemsize = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;  // in elements; empty: row by row, without gaps
};

const Layout* intern(Layout layout);

}  // namespace mtia::sim
