// The memory of one device. Internal to sim/memory*.cpp; guarded by the simulator's mutex.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "memory.h"

namespace mtia::sim {

constexpr size_t kGranule = 512;  // sizes and addresses are multiples of it
constexpr size_t kMegabyte = size_t{1} << 20;
constexpr size_t kPage = 2 * kMegabyte;            // what segments are multiples of
constexpr size_t kRange = 128 * 1024 * kMegabyte;  // addresses reserved per device
constexpr size_t kMostSmall = kMegabyte;           // the largest block of a small segment

struct Segment;

// A piece of a segment. `before` and `after` are its neighbours there.
struct Block {
  char* address = nullptr;
  size_t bytes = 0;
  size_t requested = 0;
  Segment* segment = nullptr;
  Block* before = nullptr;
  Block* after = nullptr;
  bool allocated = false;
  bool cached = false;             // in its free list; neither: freed, but other streams use it
  size_t awaited = 0;              // how many streams it waits for before it can be cached
  std::vector<StreamRef> used_by;  // streams other than its own
};

struct SmallestFirst {
  bool operator()(const Block* a, const Block* b) const {
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->address < b->address;
  }
};
using FreeList = std::set<Block*, SmallestFirst>;

// Memory obtained from the device at once, for the blocks of one stream and pool.
struct Segment {
  char* address = nullptr;
  size_t bytes = 0;
  bool small = false;
  StreamRef stream;
  PoolId pool = 0;
  FreeList* free_list = nullptr;
};

struct FreeListKey {
  StreamId stream;
  PoolId pool;
  bool small;
  bool operator==(const FreeListKey& other) const {
    return stream == other.stream && pool == other.pool && small == other.small;
  }
};
struct FreeListHash {
  size_t operator()(const FreeListKey& key) const {
    return static_cast<size_t>((key.pool << 32) ^ (key.stream << 1) ^ int64_t{key.small});
  }
};

// Blocks by start address: for each page in which one starts, a slot per granule.
class BlockIndex {
 public:
  Block*& at(size_t offset);         // makes the page's slots
  Block* find(size_t offset) const;  // null if none starts there

 private:
  using Slots = std::array<Block*, kPage / kGranule>;
  std::vector<std::unique_ptr<Slots>> pages_{kRange / kPage};
};

// Reserves its address range when it is made; throws Error if the system refuses.
class DeviceMemory {
 public:
  explicit DeviceMemory(int device);
  char* base() const { return base_; }
  size_t reserved() const { return reserved_; }
  size_t allocated() const { return allocated_; }

  // A block for commands on `stream`, out of the cache or out of a new segment; null if there is
  // none, or no more than `capacity` bytes may be reserved.
  Block* take_cached(StreamRef stream, PoolId pool, size_t bytes);
  Block* take_new(StreamRef stream, PoolId pool, size_t bytes, size_t capacity);

  Block* find(const void* address) const;  // the allocated block that starts there, or null
  void release(Block* block);              // no longer allocated, not yet cached
  void cache(Block* block);                // merges it with its cached neighbours

  // A released block may have to wait until other streams have got to where they are now.
  void await(Block* block, Recording use);
  Block* next_settled();                   // one that no longer waits, or null
  std::vector<Recording> awaited() const;  // the newest use of each stream

  bool has_cached_segment() const;
  void return_cached_segments();  // those of one cached block
  void release_pool(PoolId pool);

 private:
  struct Use {
    CommandId command;
    Block* block;
  };

  FreeList& free_list(StreamId stream, PoolId pool, bool small);
  Segment* new_segment(size_t bytes, size_t capacity);
  Block* take(Block* block, size_t bytes, size_t requested);
  void split(Block* block, size_t bytes);
  void swallow(Block* block, Block* neighbour);  // the one right after it
  Block* new_block(Segment* segment, char* address, size_t bytes);
  void drop_block(Block* block);
  size_t offset(const void* address) const { return static_cast<const char*>(address) - base_; }

  int device_;
  char* base_;
  size_t reserved_ = 0;
  size_t allocated_ = 0;
  std::map<char*, Segment> segments_;
  std::unordered_map<FreeListKey, FreeList, FreeListHash> free_lists_;
  BlockIndex index_;
  std::map<std::pair<int, StreamId>, std::deque<Use>> uses_;  // each queue in enqueue order
  std::vector<std::unique_ptr<Block>> spare_;
};

bool has_run(const Recording& recording);  // under the simulator's mutex

}  // namespace mtia::sim
