// Pinned memory: a caching host allocator that does what PyTorch's own does for CUDA.
#pragma once

#include <ATen/core/CachingHostAllocator.h>

#include <array>
#include <map>
#include <mutex>
#include <vector>

#include "../sim/command.h"

namespace mtia::backend {

// The simulated device reads all host memory alike, so what is pinned is ordinary page-aligned
// memory that this allocator knows. PyTorch's template, at::CachingHostAllocatorImpl, has the same
// rules: sizes are rounded up to a power of two, blocks are never split, and a freed block is
// reused once every stream it was used on has got to where it was then. But it takes a tenth of the
// time that this library takes to compile, and knows a block by its start only. A tensor in the
// middle of one, through NumPy or DLPack, is in use all the same: here blocks are found by any
// address.
// [pinned.class]
class PinnedAllocator final : public at::HostAllocator {
 public:
  // A copy to the device, and the bytes of the block that it reads.
  struct Upload {
    sim::StreamPoint end;
    const char* from;
    const char* to;
  };
  struct Block {
    void* start;
    size_t bytes;
    int64_t offset;  // in all memory that was ever pinned
    bool allocated = true;
    std::vector<sim::StreamPoint>
        users{};                    // the streams that use it; once freed, how far they were
    std::vector<Upload> uploads{};  // that may still be read
    size_t looked_at = 64;          // so many uploads, when those that are done were last let go
    Block* next = nullptr;          // once freed, in `cached_` or among those that wait
  };

  at::DataPtr allocate(size_t bytes) override;
  void copy_data(void* to, const void* from, size_t bytes) const override;
  bool record_event(void* address, void* block, c10::Stream stream) override;
  void empty_cache() override;
  at::HostStats get_stats() override;
  void reset_accumulated_stats() override;
  void reset_peak_stats() override;

  void free(Block& block);

  // A copy reads so many bytes; whether one that does may still be pending, for all one knows: what
  // a graph reads may be read again at any time.
  void note_upload(const void* address, size_t bytes, const sim::StreamPoint& end);
  bool is_uploaded(const void* address, size_t bytes);

  // Where an address is in all memory that was ever pinned, as the log shows it, whether it is at
  // the start of a block or within it; -1 if it is not pinned.
  int64_t offset_of(const void* address);

 private:
  // All of these need the mutex.
  Block* find(const void* address);
  Block& pin(size_t bytes);
  void unpin(Block& block);
  void cache(Block& block);
  void cache_what_is_done();

  std::mutex mutex_;
  std::map<const void*, Block> blocks_;  // by where they start
  std::array<Block*, 64> cached_{};  // by the logarithm of their size, what was freed last first
  Block* first_waiting_ = nullptr;   // freed, but used by streams: in the order of their frees
  Block* last_waiting_ = nullptr;
  int64_t pinned_so_far_ = 0;  // bytes, also of what was given back
  at::HostStats stats_;
};

PinnedAllocator& pinned_allocator();

inline bool is_pinned(const void* address) { return pinned_allocator().offset_of(address) >= 0; }

}  // namespace mtia::backend
