#include "pinned.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "../sim/graph/graph.h"
#include "../sim/host_thread.h"
#include "../sim/log/log.h"
#include "../sim/memory/allocator.h"
#include "../sim/runtime.h"
#include "convert.h"

namespace mtia::backend {

namespace {
using Block = PinnedAllocator::Block;

// `user`: of record_stream, the stream that uses the block.
void note(const char* action, const Block& block, std::optional<sim::StreamRef> user = {}) {
  if (sim::log::wants_host()) {
    sim::MemoryRecord record;
    record.action = action;
    record.stream = user.value_or(sim::StreamRef{sim::kPinned, 0});
    record.owner = sim::kPinned;
    record.address = block.offset;
    record.bytes = static_cast<int64_t>(block.bytes);
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
    sim::log::append(std::move(record));
  }
}

// Overwrites a block that is free: for what still uses it, that is a write of the host.
void poison(const Block& block) {
  std::memset(block.start, sim::kPoison, block.bytes);
  if (sim::log::wants_host()) {
    sim::HostRecord record;
    record.name = record.marker = "poison";
    const auto bytes = static_cast<int64_t>(block.bytes);
    record.accesses.push_back({sim::kPinned, block.offset, bytes, true});
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
    sim::log::append(std::move(record));
  }
}

size_t bucket_of(size_t bytes) {  // the exponent of the power of two that holds so many
  size_t bucket = 0;
  while (size_t{1} << bucket < bytes) {
    ++bucket;
  }
  return bucket;
}

bool is_done(const Block& block) {
  return std::all_of(block.users.begin(), block.users.end(), sim::is_complete);
}

bool is_pending(const PinnedAllocator::Upload& upload) {
  return upload.end.capture != 0 || !sim::is_complete(upload.end);
}

void free_pinned(void* block) {
  if (block != nullptr) {
    pinned_allocator().free(*static_cast<Block*>(block));
  }
}
}  // namespace

// Contract: a block for so many bytes, from the cache or new; null for none. Nothing of what it
// held shows: a download that is looked at too soon is wrong every time, and in the same way.
at::DataPtr PinnedAllocator::allocate(size_t bytes) {
  if (bytes == 0) {
    return {nullptr, nullptr, free_pinned, at::DeviceType::CPU};
  }
  const size_t rounded = size_t{1} << bucket_of(bytes);
  Block* block = nullptr;
  bool fresh = false;  // what the system gives is zero
  {
    std::lock_guard<std::mutex> lock(mutex_);
    cache_what_is_done();
    if (Block*& of_this_size = cached_[bucket_of(bytes)]; of_this_size != nullptr) {
      block = std::exchange(of_this_size, of_this_size->next);
    } else {
      block = &pin(rounded);
      fresh = true;
    }
    block->allocated = true;
    stats_.active_requests.increase(1);
    stats_.active_bytes.increase(rounded);
  }
  if (sim::poisons() || !fresh) {
    std::memset(block->start, sim::poisons() ? sim::kPoison : 0, block->bytes);
  }
  note("alloc", *block);
  return {block->start, block, free_pinned, at::DeviceType::CPU};
}

// Contract: copy between two of its blocks. The host's memory is the host's to copy.
void PinnedAllocator::copy_data(void* to, const void* from, size_t bytes) const {
  std::memcpy(to, from, bytes);
}

// Contract: `stream` uses the block: once freed, it rests until that is done. False for what is
// no block, or one that was freed already.
bool PinnedAllocator::record_event(void* address, void* /*block*/, c10::Stream stream) {
  const sim::StreamRef user = to_ref(stream);
  Block* block = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    block = find(address);
    if (block == nullptr || !block->allocated) {
      return false;
    }
    const auto is_user = [&](const sim::StreamPoint& other) { return other.stream == user; };
    if (std::none_of(block->users.begin(), block->users.end(), is_user)) {
      block->users.push_back({user});
    }
  }
  note("record_stream", *block, user);
  return true;
}

void PinnedAllocator::note_upload(const void* address, size_t bytes, const sim::StreamPoint& end) {
  const auto* from = static_cast<const char*>(address);
  std::lock_guard<std::mutex> lock(mutex_);
  if (Block* block = find(address)) {
    auto& uploads = block->uploads;
    if (uploads.size() >= block->looked_at) {
      const auto done = std::partition(uploads.begin(), uploads.end(), is_pending);
      uploads.erase(done, uploads.end());
      block->looked_at = 64 + 2 * uploads.size();
    }
    uploads.push_back({end, from, from + bytes});
  }
}

bool PinnedAllocator::is_uploaded(const void* address, size_t bytes) {
  const auto* from = static_cast<const char*>(address);
  std::lock_guard<std::mutex> lock(mutex_);
  const Block* block = find(address);
  return block != nullptr &&
         std::any_of(block->uploads.begin(), block->uploads.end(), [&](const Upload& upload) {
           return upload.from < from + bytes && from < upload.to && is_pending(upload);
         });
}

// The block is the cache's again, once what uses it is done. Frees may happen in an effect, so how
// far the streams have got is no command of its own.
void PinnedAllocator::free(Block& block) {
  note("free", block);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    block.allocated = false;  // from here on no user is added
  }
  for (sim::StreamPoint& user : block.users) {
    user = sim::end_of_stream(user.stream);
  }
  if (sim::poisons() && is_done(block)) {
    poison(block);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (block.users.empty()) {
    cache(block);
    return;
  }
  block.next = nullptr;
  (first_waiting_ == nullptr ? first_waiting_ : last_waiting_->next) = &block;
  last_waiting_ = &block;
}

// Contract: give what is cached back to the system.
void PinnedAllocator::empty_cache() {
  std::lock_guard<std::mutex> lock(mutex_);
  cache_what_is_done();
  for (Block*& of_one_size : cached_) {
    while (of_one_size != nullptr) {
      Block& block = *std::exchange(of_one_size, of_one_size->next);
      unpin(block);
    }
  }
}

// Contract: figures about all that was pinned, and about what of it is in use.
at::HostStats PinnedAllocator::get_stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  at::HostStats stats = stats_;
  stats.num_host_alloc = stats.allocations.allocated;
  stats.num_host_free = stats.allocations.freed;
  return stats;
}

// Contract: count what was allocated and freed in all from 0 again.
void PinnedAllocator::reset_accumulated_stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto* stat : {&stats_.active_requests, &stats_.active_bytes, &stats_.allocations,
                     &stats_.allocated_bytes}) {
    stat->reset_accumulated();
  }
  std::fill(stats_.bucket_allocation.begin(), stats_.bucket_allocation.end(), 0);
}

// Contract: let peaks start from where the figures are now.
void PinnedAllocator::reset_peak_stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto* stat : {&stats_.active_requests, &stats_.active_bytes, &stats_.allocations,
                     &stats_.allocated_bytes}) {
    stat->reset_peak();
  }
}

int64_t PinnedAllocator::offset_of(const void* address) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Block* block = find(address);
  return block == nullptr ? -1
                          : block->offset + (static_cast<const char*>(address) -
                                             static_cast<const char*>(block->start));
}

Block* PinnedAllocator::find(const void* address) {
  auto next = blocks_.upper_bound(address);
  if (next == blocks_.begin()) {
    return nullptr;
  }
  Block& block = std::prev(next)->second;
  return address < static_cast<const char*>(block.start) + block.bytes ? &block : nullptr;
}

Block& PinnedAllocator::pin(size_t bytes) {
  void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    throw sim::Error("cannot pin " + std::to_string(bytes) +
                     " bytes: the host has not that much memory. Pin less at a time, or call "
                     "torch.accelerator.empty_host_cache() to let go of what is cached");
  }
  stats_.allocations.increase(1);
  stats_.allocated_bytes.increase(bytes);
  ++stats_.bucket_allocation[bucket_of(bytes)];
  const int64_t offset =
      std::exchange(pinned_so_far_, pinned_so_far_ + static_cast<int64_t>(bytes));
  return blocks_[start] = {start, bytes, offset};
}

void PinnedAllocator::unpin(Block& block) {
  stats_.allocations.decrease(1);
  stats_.allocated_bytes.decrease(block.bytes);
  munmap(block.start, block.bytes);
  blocks_.erase(block.start);
}

void PinnedAllocator::cache(Block& block) {
  block.users.clear();
  block.uploads.clear();
  block.next = std::exchange(cached_[bucket_of(block.bytes)], &block);
  stats_.active_requests.decrease(1);
  stats_.active_bytes.decrease(block.bytes);
}

// In the order in which they were freed, up to the first that is still in use.
void PinnedAllocator::cache_what_is_done() {
  while (first_waiting_ != nullptr && is_done(*first_waiting_)) {
    Block& block = *std::exchange(first_waiting_, first_waiting_->next);
    cache(block);
  }
}

PinnedAllocator& pinned_allocator() {
  static auto* const instance = new PinnedAllocator;  // never deleted: tensors may outlive it
  return *instance;
}

}  // namespace mtia::backend
