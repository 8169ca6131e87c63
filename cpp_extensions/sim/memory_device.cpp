// Blocks: best fit, split, merged with their neighbours when they are free.
#include "memory_device.h"

#include <algorithm>
#include <utility>

#include "simulator.h"

namespace mtia::sim {

Block*& BlockIndex::at(size_t offset) {
  auto& slots = pages_[offset / kPage];
  if (!slots) {
    slots = std::make_unique<Slots>();
  }
  return (*slots)[offset % kPage / kGranule];
}

Block* BlockIndex::find(size_t offset) const {
  const auto& slots = pages_[offset / kPage];
  return slots && offset % kGranule == 0 ? (*slots)[offset % kPage / kGranule] : nullptr;
}

namespace {
size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// More than there can ever be stays more, but does not overflow.
size_t rounded(size_t bytes) { return round_up(std::min(bytes, 2 * kRange), kGranule); }

size_t segment_bytes(size_t block) {
  constexpr size_t kUsual = 20 * kMegabyte;
  if (block <= kMostSmall) {
    return kPage;
  }
  return block < kUsual / 2 ? kUsual : round_up(block, kPage);
}
}  // namespace

Block* DeviceMemory::take_cached(StreamRef stream, PoolId pool, size_t requested) {
  const size_t bytes = rounded(requested);
  FreeList& list = free_list(stream.id, pool, bytes <= kMostSmall);
  Block wanted;
  wanted.bytes = bytes;
  const auto found = list.lower_bound(&wanted);
  if (found == list.end()) {
    return nullptr;
  }
  Block* block = *found;
  list.erase(found);
  return take(block, bytes, requested);
}

Block* DeviceMemory::take_new(StreamRef stream, PoolId pool, size_t requested, size_t capacity) {
  const size_t bytes = rounded(requested);
  Segment* segment = new_segment(segment_bytes(bytes), capacity);
  if (segment == nullptr) {
    return nullptr;
  }
  segment->small = bytes <= kMostSmall;
  segment->stream = stream;
  segment->pool = pool;
  segment->free_list = &free_list(stream.id, pool, segment->small);
  return take(new_block(segment, segment->address, segment->bytes), bytes, requested);
}

Block* DeviceMemory::take(Block* block, size_t bytes, size_t requested) {
  block->cached = false;
  const size_t rest = block->bytes - bytes;
  if (block->segment->small ? rest >= kGranule : rest > kMostSmall) {
    split(block, bytes);
  }
  block->allocated = true;
  block->requested = requested;
  allocated_ += block->bytes;
  return block;
}

void DeviceMemory::split(Block* block, size_t bytes) {
  Block* rest = new_block(block->segment, block->address + bytes, block->bytes - bytes);
  block->bytes = bytes;
  rest->before = block;
  rest->after = std::exchange(block->after, rest);
  if (rest->after != nullptr) {
    rest->after->before = rest;
  }
  rest->cached = true;
  rest->segment->free_list->insert(rest);
}

Block* DeviceMemory::find(const void* address) const {
  Block* block = index_.find(offset(address));
  return block != nullptr && block->allocated ? block : nullptr;
}

void DeviceMemory::release(Block* block) {
  block->allocated = false;
  block->used_by.clear();
  allocated_ -= block->bytes;
}

void DeviceMemory::cache(Block* block) {
  FreeList& list = *block->segment->free_list;
  if (Block* after = block->after; after != nullptr && after->cached) {
    list.erase(after);
    swallow(block, after);
  }
  if (Block* before = block->before; before != nullptr && before->cached) {
    list.erase(before);
    swallow(before, block);
    block = before;
  }
  block->cached = true;
  list.insert(block);
}

void DeviceMemory::swallow(Block* block, Block* neighbour) {
  block->bytes += neighbour->bytes;
  block->after = neighbour->after;
  if (block->after != nullptr) {
    block->after->before = block;
  }
  drop_block(neighbour);
}

Block* DeviceMemory::new_block(Segment* segment, char* address, size_t bytes) {
  if (spare_.empty()) {
    spare_.push_back(std::make_unique<Block>());
  }
  Block* block = spare_.back().release();
  spare_.pop_back();
  block->segment = segment;
  block->address = address;
  block->bytes = bytes;
  return index_.at(offset(address)) = block;
}

void DeviceMemory::drop_block(Block* block) {
  index_.at(offset(block->address)) = nullptr;
  *block = Block();
  spare_.emplace_back(block);
}

void DeviceMemory::await(Block* block, Recording use) {
  uses_[{use.stream.device, use.stream.id}].push_back({use.command, block});
  ++block->awaited;
}

Block* DeviceMemory::next_settled() {
  for (auto entry = uses_.begin(); entry != uses_.end();) {
    const auto& [device, stream] = entry->first;
    std::deque<Use>& uses = entry->second;
    while (!uses.empty() && has_run({{device, stream}, uses.front().command})) {
      Block* block = uses.front().block;
      uses.pop_front();
      if (--block->awaited == 0) {
        return block;
      }
    }
    entry = uses.empty() ? uses_.erase(entry) : std::next(entry);
  }
  return nullptr;
}

std::vector<Recording> DeviceMemory::awaited() const {
  std::vector<Recording> newest;
  for (const auto& [stream, uses] : uses_) {
    const StreamRef ref{stream.first, stream.second};
    newest.push_back({ref, uses.back().command, stream_at(ref).last_finish});
  }
  return newest;
}

FreeList& DeviceMemory::free_list(StreamId stream, PoolId pool, bool small) {
  return free_lists_[FreeListKey{stream, pool, small}];
}

void DeviceMemory::release_pool(PoolId pool) {
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

}  // namespace mtia::sim
