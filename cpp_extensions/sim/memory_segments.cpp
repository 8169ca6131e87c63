// Segments: pieces of the device's address range, first fit.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "memory_device.h"

namespace mtia::sim {

namespace {
[[noreturn]] void refuse(int device, const char* what, size_t bytes) {
  throw Error("the system gave mtia:" + std::to_string(device) + " no " + what + " for " +
              std::to_string(bytes) + " bytes (" + std::strerror(errno) +
              "): device memory is memory of this process. A limit is set, by `ulimit -v`, a "
              "container or vm.overcommit_memory; raise it, or use less");
}

// Addresses without memory. They are the same in every run where the system grants the wish.
char* reserve_range(int device) {
  auto* wish = reinterpret_cast<void*>((0x20ull << 40) + (uint64_t{1} << 40) * device);
  void* base = mmap(wish, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    refuse(device, "addresses", kRange);
  }
  return static_cast<char*>(base);
}
}  // namespace

DeviceMemory::DeviceMemory(int device) : device_(device), base_(reserve_range(device)) {}

Segment* DeviceMemory::new_segment(size_t bytes, size_t capacity) {
  if (bytes > capacity || reserved() > capacity - bytes) {
    return nullptr;
  }
  char* address = base_;
  for (const auto& [start, segment] : segments_) {
    if (static_cast<size_t>(start - address) >= bytes) {
      break;
    }
    address = start + segment.bytes;
  }
  if (offset(address) + bytes > kRange) {
    return nullptr;  // enough bytes are free, but not in one piece
  }
  if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) {
    refuse(device_, "memory", bytes);
  }
  Segment& segment = segments_[address];
  segment.address = address;
  segment.bytes = bytes;
  return &segment;
}

std::vector<Segment> DeviceMemory::return_cached_segments() {
  std::vector<Segment> returned;
  for (auto entry = segments_.begin(); entry != segments_.end();) {
    const Segment& segment = entry->second;
    Block* first = segment.first;
    if (!first->cached || !is_whole(*first) || segment.pool != 0) {
      ++entry;
      continue;
    }
    take_from_list(first);
    drop_block(first);
    // The addresses stay readable, as zeros: whoever still uses them is wrong, but does not crash.
    madvise(segment.address, segment.bytes, MADV_DONTNEED);
    stats.segment.remove(segment.small, 1);
    stats.reserved_bytes.remove(segment.small, static_cast<int64_t>(segment.bytes));
    ++stats.segments_returned;
    returned.push_back(segment);
    entry = segments_.erase(entry);
  }
  return returned;
}

void DeviceMemory::describe(std::vector<SegmentView>& segments) const {
  for (const auto& [start, segment] : segments_) {
    SegmentView view{reinterpret_cast<uintptr_t>(start),
                     segment.bytes,
                     segment.stream,
                     segment.pool,
                     segment.small,
                     {}};
    for (const Block* b = segment.first; b != nullptr; b = b->after) {
      view.blocks.push_back({reinterpret_cast<uintptr_t>(b->address), b->bytes, b->requested,
                             b->allocated, b->cached, b->site});
    }
    segments.push_back(std::move(view));
  }
}

}  // namespace mtia::sim
