#include "device_memory.h"

#include <algorithm>
#include <utility>

#include "../../host_thread.h"
#include "../../internal/effects.h"

namespace mtia::sim {

Block*& BlockIndex::at(size_t offset) {
  auto& slots = pages_[offset / kPage];
  if (!slots) {
    slots = std::make_unique<Slots>();
  }
  return (*slots)[offset % kPage / kMinBlockSize];
}

Block* BlockIndex::find(size_t offset) const {
  const auto& slots = pages_[offset / kPage];
  return slots && offset % kMinBlockSize == 0 ? (*slots)[offset % kPage / kMinBlockSize] : nullptr;
}

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
  give_memory(device_, address, bytes);
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
    take_memory(segment.address, segment.bytes);
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
    for (const Block* b = segment.first; b != nullptr; b = b->next) {
      view.blocks.push_back({reinterpret_cast<uintptr_t>(b->address), b->bytes, b->requested,
                             b->allocated, b->cached, b->site});
    }
    segments.push_back(std::move(view));
  }
}

namespace {
size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// More than there can ever be stays more, but does not overflow.
size_t rounded(size_t bytes) { return round_up(std::min(bytes, 2 * kRange), kMinBlockSize); }

size_t segment_bytes(size_t block) {
  if (block <= kSmallSize) {
    return kSmallBuffer;
  }
  return block < kMinLargeAlloc ? kLargeBuffer : round_up(block, kRoundLarge);
}
}  // namespace

Block* DeviceMemory::take_cached(StreamRef stream, PoolId pool, size_t requested) {
  const size_t bytes = rounded(requested);
  Block* found = free_list(stream.id, pool, bytes <= kSmallSize).best_fit(bytes);
  return found == nullptr ? nullptr : take(found, bytes, requested);
}

Block* DeviceMemory::take_new(StreamRef stream, PoolId pool, size_t requested, size_t capacity) {
  const size_t bytes = rounded(requested);
  Segment* segment = new_segment(segment_bytes(bytes), capacity);
  if (segment == nullptr) {
    segment =
        new_segment(round_up(bytes, kRoundLarge), capacity);  // where there is no room for spare
  }
  if (segment == nullptr) {
    return nullptr;
  }
  segment->small = bytes <= kSmallSize;
  segment->stream = stream;
  segment->pool = pool;
  segment->free_list = &free_list(stream.id, pool, segment->small);
  stats.segment.add(segment->small, 1);
  stats.reserved_bytes.add(segment->small, static_cast<int64_t>(segment->bytes));
  ++stats.segments_obtained;
  Block* block = segment->first = new_block(segment, segment->address, segment->bytes);
  put_in_list(block);
  return take(block, bytes, requested);
}

Block* DeviceMemory::take(Block* found, size_t bytes, size_t requested) {
  const bool small = found->segment->small;
  const size_t rest = found->bytes - bytes;
  Block* block = found;
  if (small ? rest >= kMinBlockSize : rest > kSmallSize) {
    block = split(found, bytes);
  } else {
    take_from_list(found);
  }
  index_.at(offset(block->address)) = block;
  block->allocated = true;
  block->requested = requested;
  stats.allocation.add(small, 1);
  stats.active.add(small, 1);
  stats.allocated_bytes.add(small, static_cast<int64_t>(block->bytes));
  stats.active_bytes.add(small, static_cast<int64_t>(block->bytes));
  stats.requested_bytes.add(small, static_cast<int64_t>(requested));
  return block;
}

// What points at the block behind `prev`; null: at the first one.
Block*& DeviceMemory::link_to(Block* prev, Segment* segment) {
  return prev != nullptr ? prev->next : segment->first;
}

// Cuts the front off a cached block, which stays in its list.
Block* DeviceMemory::split(Block* cached, size_t bytes) {
  char* address = cached->address;
  reshape(cached, address + bytes, cached->bytes - bytes);
  Block* front = new_block(cached->segment, address, bytes);
  front->next = cached;
  front->prev = std::exchange(cached->prev, front);
  link_to(front->prev, front->segment) = front;
  return front;
}

Block* DeviceMemory::find(const void* address) const { return index_.find(offset(address)); }

void DeviceMemory::release(Block* block) {
  const bool small = block->segment->small;
  stats.allocation.remove(small, 1);
  stats.allocated_bytes.remove(small, static_cast<int64_t>(block->bytes));
  stats.requested_bytes.remove(small, static_cast<int64_t>(block->requested));
  index_.at(offset(block->address)) = nullptr;
  block->allocated = false;
  block->stream_uses.clear();
}

void DeviceMemory::cache(Block* block) {
  const bool small = block->segment->small;
  stats.active.remove(small, 1);
  stats.active_bytes.remove(small, static_cast<int64_t>(block->bytes));
  Block* prev = block->prev != nullptr && block->prev->cached ? block->prev : nullptr;
  Block* next = block->next != nullptr && block->next->cached ? block->next : nullptr;
  if (prev != nullptr && next != nullptr) {
    take_from_list(prev);
    drop_block(block);
    drop_block(prev);
    reshape(next, prev->address, prev->bytes + block->bytes + next->bytes);
  } else if (next != nullptr) {
    drop_block(block);
    reshape(next, block->address, block->bytes + next->bytes);
  } else if (prev != nullptr) {
    drop_block(block);
    reshape(prev, prev->address, prev->bytes + block->bytes);
  } else {
    put_in_list(block);
  }
}

void DeviceMemory::reshape(Block* cached, char* address, size_t bytes) {
  count_split(*cached, -1);
  cached->address = address;
  cached->bytes = bytes;
  cached->segment->free_list->moved(cached);
  count_split(*cached, +1);
}

void DeviceMemory::put_in_list(Block* block) {
  block->cached = true;
  block->segment->free_list->insert(block);
  count_split(*block, +1);
}

void DeviceMemory::take_from_list(Block* block) {
  block->cached = false;
  block->segment->free_list->erase(block);
  count_split(*block, -1);
}

void DeviceMemory::count_split(const Block& block, int sign) {
  if (is_whole(block)) {
    return;
  }
  const bool small = block.segment->small;
  const auto bytes = static_cast<int64_t>(block.bytes);
  if (sign > 0) {
    stats.inactive_split.add(small, 1);
    stats.inactive_split_bytes.add(small, bytes);
  } else {
    stats.inactive_split.remove(small, 1);
    stats.inactive_split_bytes.remove(small, bytes);
  }
}

Block* DeviceMemory::new_block(Segment* segment, char* address, size_t bytes) {
  if (spare_.empty()) {
    spare_.push_back(&blocks_.emplace_back());
  }
  Block* block = spare_.back();
  spare_.pop_back();
  block->segment = segment;
  block->address = address;
  block->bytes = bytes;
  return block;
}

// Takes it out from between its neighbors.
void DeviceMemory::drop_block(Block* block) {
  link_to(block->prev, block->segment) = block->next;
  if (block->next != nullptr) {
    block->next->prev = block->prev;
  }
  block->prev = block->next = nullptr;
  block->site.clear();
  spare_.push_back(block);
}

// [device_memory.free_list]
FreeList& DeviceMemory::free_list(StreamId stream, PoolId pool, bool small) {
  const FreeListKey key{stream, pool, small};
  if (last_list_ == nullptr || !(last_key_ == key)) {
    last_key_ = key;
    last_list_ = &free_lists_[key];
  }
  return *last_list_;
}

void DeviceMemory::release_pool(PoolId pool) {
  last_list_ = nullptr;
  for (auto& [address, segment] : segments_) {
    if (segment.pool == pool) {
      segment.pool = 0;
      segment.free_list = &free_list(segment.stream.id, 0, segment.small);
    }
  }
  for (auto entry = free_lists_.begin(); entry != free_lists_.end();) {
    if (entry->first.pool != pool) {
      ++entry;
      continue;
    }
    for (Block* block : entry->second) {
      block->segment->free_list->insert(block);
    }
    entry = free_lists_.erase(entry);
  }
}

void DeviceMemory::insert_event(Block* block, StreamPoint use) {
  uses_[{use.stream.device, use.stream.id, use.capture}].push_back({use, block});
  ++block->event_count;
}

Block* DeviceMemory::next_settled(const Lock& lock) {
  for (auto entry = uses_.begin(); entry != uses_.end();) {
    std::deque<Use>& uses = entry->second;
    while (!uses.empty() && has_run(lock, uses.front().point)) {
      Block* block = uses.front().block;
      uses.pop_front();
      if (--block->event_count == 0) {
        return block;
      }
    }
    entry = uses.empty() ? uses_.erase(entry) : std::next(entry);
  }
  return nullptr;
}

std::vector<StreamPoint> DeviceMemory::newest_events() const {
  std::vector<StreamPoint> newest;
  for (const auto& [key, uses] : uses_) {
    if (!uses.empty() && uses.back().point.capture == 0) {
      newest.push_back(uses.back().point);
    }
  }
  return newest;
}

namespace {
std::array<DeviceMemory*, kMaxDevices> memories;  // never deleted: tensors are freed until the end
}  // namespace

DeviceMemory* memory_if_used(const Lock&, int device) { return memories[device]; }

DeviceMemory& memory_of(const Lock&, int device) {
  DeviceMemory*& memory = memories[device];
  if (memory == nullptr) {
    memory = new DeviceMemory(device);
  }
  return *memory;
}

void release_pool(const Lock& lock, PoolId pool) {
  for (int device = 0; device < device_count(); ++device) {
    if (DeviceMemory* memory = memory_if_used(lock, device)) {
      memory->release_pool(pool);
    }
  }
}

}  // namespace mtia::sim
