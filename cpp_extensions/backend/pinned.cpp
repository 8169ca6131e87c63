#include "pinned.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "../sim/graph/graph.h"
#include "../sim/host_thread.h"
#include "../sim/log.h"
#include "../sim/memory/allocator.h"
#include "../sim/runtime.h"
#include "convert.h"

namespace mtia::backend {

namespace {

// PyTorch's allocator knows a block by its start only. A tensor of somebody else's in the middle of
// one, through NumPy or DLPack, is in use all the same: so blocks are found by any address.
class Blocks {
 public:
  struct Found {
    void* start;
    int64_t offset;  // of the start, in all memory that was ever pinned
    int64_t bytes;
    bool allocated;
    bool fresh;  // was never allocated yet
  };
  void add(void* start, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto size = static_cast<int64_t>(bytes);
    blocks_[start] = {start, pinned_so_far_, size, false, true};
    pinned_so_far_ += size;
  }
  void remove(const void* start) {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_.erase(start);
  }
  // Whether it is allocated for the first time.
  bool take(const void* start) {
    std::lock_guard<std::mutex> lock(mutex_);
    Found& block = blocks_.at(start);
    block.allocated = true;
    return std::exchange(block.fresh, false);
  }
  void release(const void* start) {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_.at(start).allocated = false;
  }
  std::optional<Found> around(const void* address) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto after = blocks_.upper_bound(address);
    if (after == blocks_.begin()) {
      return std::nullopt;
    }
    const Found& block = (--after)->second;
    const auto within = static_cast<const char*>(address) - static_cast<char*>(block.start);
    return within < block.bytes ? std::optional(block) : std::nullopt;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, Found> blocks_;
  int64_t pinned_so_far_ = 0;  // bytes, also of those that were given back
};

Blocks& pinned_blocks() {
  static auto* const blocks = new Blocks;
  return *blocks;
}

// `user`: of record_stream, the stream that uses the block.
void note(const char* action, const void* start, std::optional<sim::StreamRef> user = {}) {
  const auto block = pinned_blocks().around(start);
  if (sim::log::wants_host() && block) {
    sim::MemoryRecord record;
    record.action = action;
    record.stream = user.value_or(sim::StreamRef{sim::kPinned, 0});
    record.owner = sim::kPinned;
    record.address = block->offset;
    record.bytes = block->bytes;
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
    sim::log::append(std::move(record));
  }
}

// Overwrites a block that is free: for what still uses it, that is a write of the host.
void poison(void* start, size_t bytes) {
  std::memset(start, sim::kPoison, bytes);
  if (const auto block = pinned_blocks().around(start); sim::log::wants_host() && block) {
    sim::HostRecord record;
    record.name = "poison";
    record.accesses.push_back({sim::kPinned, block->offset, block->bytes, true});
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
    sim::log::append(std::move(record));
  }
}

// A freed block is reused once every stream it was used on has got to where it was then: an event
// is that point of the stream.
struct PinnedMemory final : at::CachingHostAllocatorImpl<c10::Stream, sim::StreamPoint> {
  // Contract: copy between two of its blocks. The host's memory is the host's to copy.
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

  // Contract: a block for `bytes`, from the cache or new; null for none. Nothing of what it held
  // shows: a download that is looked at too soon is wrong every time, and in the same way.
  std::pair<void*, void*> allocate(size_t bytes) override {
    const auto taken = Base::allocate(bytes);
    if (auto* block = static_cast<Block*>(taken.second)) {
      const bool fresh = pinned_blocks().take(block->ptr_);
      if (sim::poisons() || !fresh) {  // what the system gives is zero
        std::memset(block->ptr_, sim::poisons() ? sim::kPoison : 0, block->size_);
      }
      note("alloc", block->ptr_);
    }
    return taken;
  }

  // Contract: the block is the cache's again, once what uses it is done. Null is fine.
  void free(void* freed) override {
    if (auto* block = static_cast<Block*>(freed)) {
      note("free", block->ptr_);
      pinned_blocks().release(block->ptr_);
      if (sim::poisons() && is_idle(*block)) {
        poison(block->ptr_, block->size_);
      }
    }
    Base::free(freed);
  }

  // Contract: `stream` uses the block: once freed, it rests until that is done. False for what is
  // no block, or one that was freed already.
  bool record_event(void* address, void* /*block*/, c10::Stream stream) override {
    const auto block = pinned_blocks().around(address);
    if (!block || !block->allocated || !Base::record_event(block->start, nullptr, stream)) {
      return false;
    }
    note("record_stream", block->start, to_ref(stream));
    return true;
  }

 private:
  using Base = at::CachingHostAllocatorImpl<c10::Stream, sim::StreamPoint>;
  using Block = at::HostBlock<c10::Stream>;

  // Contract: new pinned memory.
  void allocate_host_memory(size_t bytes, void** address) override {
    *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*address == MAP_FAILED) {
      throw sim::Error("cannot pin " + std::to_string(bytes) +
                       " bytes: the host has not that much memory. Pin less at a time, or call "
                       "torch.accelerator.empty_host_cache() to let go of what is cached");
    }
    pinned_blocks().add(*address, bytes);
  }

  // Contract: give it back. It is the base that deletes the block.
  void free_block(Block* block) override {
    pinned_blocks().remove(block->ptr_);
    munmap(block->ptr_, block->size_);
  }

  // Whether all that used the block is done.
  static bool is_idle(Block& block) {
    std::lock_guard<std::mutex> lock(block.mutex_);
    return std::all_of(block.streams_.begin(), block.streams_.end(), [](c10::Stream stream) {
      return sim::is_complete(sim::newest_point(to_ref(stream)));
    });
  }

  // Contract: an event at the end of what `stream` has been given. Frees may happen in an effect,
  // so it is no command of its own.
  void record_stream(std::optional<std::vector<sim::StreamPoint>>& events,
                     c10::Stream stream) override {
    events->push_back(sim::newest_point(to_ref(stream)));
  }

  // Contract: whether the event has been reached.
  bool query_event(sim::StreamPoint& event) override { return sim::is_complete(event); }

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

bool is_pinned(const void* address) { return pinned_blocks().around(address).has_value(); }

int64_t pinned_offset(const void* address) {
  const auto block = pinned_blocks().around(address);
  const auto* start = block ? static_cast<const char*>(block->start) : nullptr;
  return block ? block->offset + (static_cast<const char*>(address) - start) : -1;
}

}  // namespace mtia::backend
