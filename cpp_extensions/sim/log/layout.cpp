#include "layout.h"

#include <mutex>
#include <set>
#include <tuple>
#include <utility>

namespace mtia::sim {

namespace {
struct Less {
  static auto key(const Layout& layout) {
    return std::tie(layout.sizes, layout.dtype, layout.strides, layout.itemsize);
  }
  bool operator()(const Layout& one, const Layout& other) const { return key(one) < key(other); }
};
}  // namespace

const Layout* intern(Layout layout) {
  static std::mutex mutex;
  static auto* const layouts = new std::set<Layout, Less>;  // elements never move
  std::lock_guard<std::mutex> lock(mutex);
  return &*layouts->insert(std::move(layout)).first;
}

}  // namespace mtia::sim
