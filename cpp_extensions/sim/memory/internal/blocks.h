// Blocks, the segments they are pieces of, and the lists of those that are free.
#pragma once

#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "../../command.h"

namespace mtia::sim {

// The names and figures are those of PyTorch's CUDACachingAllocator, to be read side by side.
constexpr size_t kMegabyte = size_t{1} << 20;
constexpr size_t kMinBlockSize = 512;              // sizes and addresses are multiples of it
constexpr size_t kSmallSize = kMegabyte;           // the largest block of a small segment
constexpr size_t kSmallBuffer = 2 * kMegabyte;     // the size of a small segment
constexpr size_t kLargeBuffer = 20 * kMegabyte;    // and of one whose block is smaller than
constexpr size_t kMinLargeAlloc = 10 * kMegabyte;  // this; for a larger block,
constexpr size_t kRoundLarge = 2 * kMegabyte;      // the block's, rounded up to a multiple of this

struct Block;
struct Segment;

struct SmallestFirst {
  using is_transparent = void;
  bool operator()(const Block* a, const Block* b) const;
  bool operator()(const Block* block, size_t bytes) const;
};
using BlockSet = std::set<Block*, SmallestFirst>;  // lower addresses first among equals

// A piece of a segment. `prev` and `next` are its neighbors there.
struct Block {
  char* address = nullptr;
  size_t bytes = 0;
  size_t requested = 0;
  Segment* segment = nullptr;
  Block* prev = nullptr;
  Block* next = nullptr;
  bool allocated = false;
  bool cached = false;     // in its free list; neither: freed, but other streams use it
  size_t event_count = 0;  // points of other streams it waits for before it can be cached
  std::vector<StreamRef> stream_uses;  // streams other than its own
  Site site;                           // that allocated it, while sites are being kept
  BlockSet::iterator place;            // in its free list
};

inline bool SmallestFirst::operator()(const Block* a, const Block* b) const {
  return a->bytes != b->bytes ? a->bytes < b->bytes : a->address < b->address;
}
inline bool SmallestFirst::operator()(const Block* block, size_t bytes) const {
  return block->bytes < bytes;
}

// The free blocks of one kind.
class FreeList {
 public:
  Block* best_fit(size_t bytes) const {
    const auto found = blocks_.lower_bound(bytes);
    return found == blocks_.end() ? nullptr : *found;
  }
  void insert(Block* block) { block->place = blocks_.insert(block).first; }
  void erase(Block* block) { blocks_.erase(block->place); }

  // The block's size or address has changed. In a steady loop its place mostly stays.
  void moved(Block* block) {
    const auto place = block->place;
    const SmallestFirst less;
    if ((place != blocks_.begin() && less(block, *std::prev(place))) ||
        (std::next(place) != blocks_.end() && less(*std::next(place), block))) {
      block->place = blocks_.insert(blocks_.extract(place)).position;
    }
  }

  auto begin() const { return blocks_.begin(); }
  auto end() const { return blocks_.end(); }

 private:
  BlockSet blocks_;
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

// Memory obtained from the device at once, for the blocks of one stream and pool.
struct Segment {
  char* address = nullptr;
  size_t bytes = 0;
  bool small = false;
  StreamRef stream;
  PoolId pool = 0;
  FreeList* free_list = nullptr;
  Block* first = nullptr;
};

inline bool is_whole(const Block& block) { return block.bytes == block.segment->bytes; }

}  // namespace mtia::sim
