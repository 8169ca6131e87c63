#include "pinned.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "../sim/host_thread.h"
#include "../sim/log.h"
#include "../sim/memory.h"
#include "../sim/runtime.h"
#include "convert.h"

namespace mtia::backend {

namespace {

// PyTorch's allocator knows blocks by their start only; is_pinned() is asked for any address.
class Ranges {
 public:
  void add(const void* start, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    ranges_[start] = {bytes, pinned_so_far_};
    pinned_so_far_ += static_cast<int64_t>(bytes);
  }
  void remove(const void* start) {
    std::lock_guard<std::mutex> lock(mutex_);
    ranges_.erase(start);
  }
  int64_t offset_of(const void* address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto after = ranges_.upper_bound(address);
    if (after == ranges_.begin()) {
      return -1;
    }
    const auto& [start, range] = *--after;
    const auto within = static_cast<const char*>(address) - static_cast<const char*>(start);
    return within < static_cast<int64_t>(range.bytes) ? range.offset + within : -1;
  }

 private:
  struct Range {
    size_t bytes;
    int64_t offset;
  };
  std::mutex mutex_;
  std::map<const void*, Range> ranges_;
  int64_t pinned_so_far_ = 0;  // bytes, also of those that were given back
};

Ranges& pinned_ranges() {
  static auto* const ranges = new Ranges;
  return *ranges;
}

void note(const char* action, const void* address, size_t bytes) {
  if (sim::log::wants_host() && address != nullptr) {
    sim::MemoryRecord record;
    record.action = action;
    record.stream = {sim::kPinned, 0};
    record.address = pinned_ranges().offset_of(address);
    record.bytes = static_cast<int64_t>(bytes);
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
    sim::log::append(std::move(record));
  }
}

// A freed block is reused once every stream it was used on has got to where it was then: an event
// is a recording of that point.
struct PinnedMemory final : at::CachingHostAllocatorImpl<c10::Stream, sim::Recording> {
  // Contract: copy between two of its blocks. The host's memory is the host's to copy.
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

  // Contract: a block for `bytes`, from the cache or new; null for none.
  std::pair<void*, void*> allocate(size_t bytes) override {
    const auto taken = Base::allocate(bytes);
    note("alloc", taken.first, bytes);
    return taken;
  }

  // Contract: the block is the cache's again, once what uses it is done. Null is fine.
  void free(void* block) override {
    if (block != nullptr) {
      note("free", static_cast<Block*>(block)->ptr_, static_cast<Block*>(block)->size_);
    }
    Base::free(block);
  }

 private:
  using Base = at::CachingHostAllocatorImpl<c10::Stream, sim::Recording>;
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

bool is_pinned(const void* address) { return pinned_offset(address) >= 0; }
int64_t pinned_offset(const void* address) { return pinned_ranges().offset_of(address); }

}  // namespace mtia::backend
