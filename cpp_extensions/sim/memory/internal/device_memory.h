// The memory of one device: segments, pieces of its address range, cut into blocks; best fit,
// split, merged with their neighbors when they are free. Reached under the simulator's mutex alone.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "../../internal/simulator.h"
#include "../addresses.h"
#include "../history.h"
#include "../stats.h"
#include "blocks.h"

namespace mtia::sim {

// Allocated blocks by address: for each page in which one starts, a slot per kMinBlockSize.
class BlockIndex {
 public:
  Block*& at(size_t offset);         // makes the page's slots
  Block* find(size_t offset) const;  // null if none starts there

 private:
  static constexpr size_t kPage = kRoundLarge;
  using Slots = std::array<Block*, kPage / kMinBlockSize>;
  std::vector<std::unique_ptr<Slots>> pages_{kRange / kPage};
};

// Reserves its address range when it is made; throws Error if the system refuses.
class DeviceMemory {
 public:
  explicit DeviceMemory(int device);
  char* base() const { return base_; }
  size_t reserved() const { return stats.reserved_bytes.all.current; }

  // A block for commands on `stream`, out of the cache or out of a new segment; null if there is
  // none, or if no more than `capacity` bytes may be reserved.
  Block* take_cached(StreamRef stream, PoolId pool, size_t bytes);
  Block* take_new(StreamRef stream, PoolId pool, size_t bytes, size_t capacity);

  Block* find(const void* address) const;  // the allocated block that starts there, or null
  void release(Block* block);              // no longer allocated, not yet cached
  void cache(Block* block);                // merges it with its cached neighbors

  // A released block may have to wait until other streams have got to where they are now.
  void insert_event(Block* block, StreamPoint use);
  Block* next_settled(const Lock& lock);           // one that no longer waits, or null
  std::vector<StreamPoint> newest_events() const;  // the newest use of each stream

  std::vector<Segment> return_cached_segments();  // those of one cached block
  void release_pool(PoolId pool);
  void describe(std::vector<SegmentView>& segments) const;

  MemoryStats stats;

 private:
  struct Use {
    StreamPoint point;
    Block* block;
  };
  using UseKey = std::tuple<int, StreamId, CaptureId>;

  FreeList& free_list(StreamId stream, PoolId pool, bool small);
  Segment* new_segment(size_t bytes, size_t capacity);
  Block* take(Block* found, size_t bytes, size_t requested);
  static Block*& link_to(Block* prev, Segment* segment);
  Block* split(Block* cached, size_t bytes);
  void reshape(Block* cached, char* address, size_t bytes);
  void put_in_list(Block* block);
  void take_from_list(Block* block);
  void count_split(const Block& block, int sign);
  Block* new_block(Segment* segment, char* address, size_t bytes);
  void drop_block(Block* block);
  size_t offset(const void* address) const { return static_cast<const char*>(address) - base_; }

  int device_;
  char* base_;
  std::map<char*, Segment> segments_;
  std::unordered_map<FreeListKey, FreeList, FreeListHash> free_lists_;
  FreeListKey last_key_{};  // of last_list_, looked up last
  FreeList* last_list_ = nullptr;
  BlockIndex index_;
  std::map<UseKey, std::deque<Use>> uses_;  // each queue in enqueue order
  std::deque<Block> blocks_;  // all there ever were; a deque, since they are referred to by address
  std::vector<Block*> spare_;
};

DeviceMemory& memory_of(const Lock& lock, int device);       // made at first use
DeviceMemory* memory_if_used(const Lock& lock, int device);  // or null
void release_pool(const Lock& lock, PoolId pool);            // its blocks go to pool 0

}  // namespace mtia::sim
