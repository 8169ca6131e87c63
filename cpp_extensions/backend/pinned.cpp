#include "pinned.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "../sim/memory.h"
#include "convert.h"

namespace mtia::backend {

namespace {

// PyTorch's allocator knows blocks by their start only; is_pinned() is asked for any address.
class Ranges {
 public:
  void add(const void* start, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    bytes_[start] = bytes;
  }
  void remove(const void* start) {
    std::lock_guard<std::mutex> lock(mutex_);
    bytes_.erase(start);
  }
  bool contain(const void* address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto after = bytes_.upper_bound(address);
    if (after == bytes_.begin()) {
      return false;
    }
    const auto& [start, bytes] = *--after;
    return address < static_cast<const char*>(start) + bytes;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, size_t> bytes_;
};

Ranges& pinned_ranges() {
  static auto* const ranges = new Ranges;
  return *ranges;
}

// A freed block is reused once every stream it was used on has got to where it was then: an event
// is a recording of that point.
struct PinnedMemory final : at::CachingHostAllocatorImpl<c10::Stream, sim::Recording> {
  // Contract: copy between two of its blocks. The host's memory is the host's to copy.
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  using Block = at::HostBlock<c10::Stream>;

  // Contract: new pinned memory.
  void allocate_host_memory(size_t bytes, void** address) override {
    constexpr size_t kPage = 4096;
    if (posix_memalign(address, kPage, bytes) != 0) {
      throw sim::Error("cannot pin " + std::to_string(bytes) +
                       " bytes: the host has not that much memory. Pin less at a time, or call "
                       "torch.accelerator.empty_host_cache() to let go of what is cached");
    }
    pinned_ranges().add(*address, bytes);
  }

  // Contract: give it back. It is the base that deletes the block.
  void free_block(Block* block) override {
    pinned_ranges().remove(block->ptr_);
    std::free(block->ptr_);
  }

  // Contract: an event at the end of what `stream` has been given. Frees may happen in an effect,
  // so it is no command of its own.
  void record_stream(std::optional<std::vector<sim::Recording>>& events,
                     c10::Stream stream) override {
    events->push_back(sim::newest_recording(to_ref(stream)));
  }

  // Contract: whether the event has been reached.
  bool query_event(sim::Recording& event) override { return sim::is_complete(event); }

  // Contract: this thread's current stream, and whether it is being captured into a graph.
  c10::Stream get_current_stream() const override {
    return to_stream(sim::current_stream(sim::current_device()));
  }
  bool stream_is_capturing(c10::Stream stream) const override {
    return sim::is_capturing(to_ref(stream));
  }
};

void free_pinned(void* block);

struct PinnedAllocator final : at::CachingHostAllocatorInterface<PinnedMemory, free_pinned> {};

PinnedAllocator& instance() {
  static auto* const allocator =
      new PinnedAllocator;  // never deleted: tensors may outlive all else
  return *allocator;
}

void free_pinned(void* block) { instance().free(block); }

}  // namespace

at::HostAllocator& pinned_allocator() { return instance(); }

bool is_pinned(const void* address) { return pinned_ranges().contain(address); }

}  // namespace mtia::backend
