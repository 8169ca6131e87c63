// The policy: the cache first, then the device, then what the caches can give back, then an error.
#include "allocator.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "../graph/internal/capture.h"
#include "../host_thread.h"
#include "../internal/effects.h"
#include "../internal/enqueue.h"
#include "../internal/synchronize.h"
#include "../runtime.h"
#include "addresses.h"
#include "internal/device_memory.h"
#include "out_of_memory.h"
#include "protection.h"

namespace mtia::sim {

namespace {
std::atomic<bool> poison{false};

uintptr_t number(const void* address) { return reinterpret_cast<uintptr_t>(address); }

// A zero-duration command on the block's own stream, behind all that still uses it.
void enqueue_poison(Lock& lock, const Block& block) {
  Command command;
  command.name = intern("poison");
  command.marker = Marker::Poison;
  command.effect = [address = block.address, bytes = block.bytes] {
    std::memset(address, kPoison, bytes);
  };
  const StreamRef stream = block.segment->stream;
  if (log::recording()) {
    const auto bytes = static_cast<int64_t>(block.bytes);
    command.accesses.push_back({stream.device, offset_of(block.address), bytes, true});
  }
  enqueue(lock, stream_at(lock, stream), std::move(command));
}

// Effects may run meanwhile, so the block is in no list yet.
void put_back(Lock& lock, DeviceMemory& memory, Block* block, bool poisons, const Site& site) {
  const Segment& segment = *block->segment;
  if (poisons && segment.pool == 0 && stream_at(lock, segment.stream).capture == nullptr) {
    enqueue_poison(lock, *block);
  }
  note_memory(lock, kReusable, block->segment->stream, number(block->address), block->bytes, site);
  memory.cache(block);
}

void put_back_settled(Lock& lock, DeviceMemory& memory) {
  while (Block* block = memory.next_settled(lock)) {
    put_back(lock, memory, block, poison, {});
  }
}

// What the device still does may use what is to be returned, so it has to finish first.
void return_cached(Lock& lock, DeviceMemory& memory, int device, const Site& site) {
  ++memory.stats.synchronizations;
  wait_for_device(lock, device_at(lock, device));
  for (const StreamPoint& use : memory.newest_events()) {
    wait_for(lock, use);
  }
  put_back_settled(lock, memory);
  for (const Segment& segment : memory.return_cached_segments()) {
    note_memory(lock, kSegmentReturned, segment.stream, number(segment.address), segment.bytes,
                site);
  }
}

Block* new_memory(DeviceMemory& memory, StreamRef stream, PoolId pool, size_t bytes,
                  size_t capacity) {
  const OpenMemory open;
  Block* block = memory.take_new(stream, pool, bytes, capacity);
  if (block != nullptr && poison) {
    std::memset(block->segment->address, kPoison, block->segment->bytes);
  }
  return block;
}

Block* take_new(Lock& lock, DeviceMemory& memory, StreamRef stream, PoolId pool, size_t bytes,
                const Site& site) {
  initialize();
  mark(process.touched[stream.device]);
  const Profile& profile = lock->profile;
  const auto capacity = static_cast<size_t>(profile.memory_bytes);
  Block* block = new_memory(memory, stream, pool, bytes, capacity);
  if (block != nullptr) {
    const Segment& segment = *block->segment;
    lock->clock += profile.allocate;
    note_memory(lock, kSegmentObtained, stream, number(segment.address), segment.bytes, site);
    run_due(lock);
  }
  return block;
}

Block* take_any(Lock& lock, DeviceMemory& memory, StreamRef stream, size_t bytes,
                const Site& site) {
  const PoolId pool = capture_pool(lock, stream);
  put_back_settled(lock, memory);
  Block* block = memory.take_cached(stream, pool, bytes);
  return block != nullptr ? block : take_new(lock, memory, stream, pool, bytes, site);
}

[[noreturn]] void fail(Lock& lock, DeviceMemory& memory, StreamRef stream, size_t bytes,
                       const Site& site) {
  ++memory.stats.out_of_memory;
  const OutOfMemory error(stream.device, bytes, lock->profile.memory_bytes, memory.stats);
  note_memory(lock, kOutOfMemory, stream, error.free, bytes, site);
  lock.unlock();
  notify_out_of_memory(error);
  throw error;
}
}  // namespace

// [memory.allocate]
void* allocate(int device, StreamRef stream, size_t bytes) {
  const Site site = memory_site();
  Lock lock = enter("allocate");
  check_stream(stream);
  if (stream.device != device) {
    throw Error(str("memory of mtia:", device, " cannot be allocated on ", stream,
                    ": a block belongs to a stream of its own device. Pass one"));
  }
  if (bytes == 0) {
    return nullptr;
  }
  DeviceMemory& memory = memory_of(lock, device);
  Block* block = take_any(lock, memory, stream, bytes, site);
  if (block == nullptr && !is_capturing(lock, device_at(lock, device))) {
    ++memory.stats.retries;
    return_cached(lock, memory, device, site);
    block = take_any(lock, memory, stream, bytes, site);
  }
  if (block == nullptr) {
    fail(lock, memory, stream, bytes, site);
  }
  if (!site.empty()) {
    block->site = site;
  }
  note_memory(lock, kAllocated, stream, number(block->address), block->bytes, site);
  return block->address;
}

// [memory.free]
void free(void* address) noexcept {
  const int device = device_of(address);
  if (device < 0) {
    return;
  }
  const Site site = memory_site();
  const bool poisons = poison && !this_thread().in_effect && !process.forked;
  Lock lock = poisons ? enter_to_free() : Lock();
  DeviceMemory& memory = memory_of(lock, device);
  Block* block = memory.find(address);
  if (block == nullptr) {
    return;
  }
  note_memory(lock, kFreed, block->segment->stream, number(address), block->bytes, site);
  for (const StreamRef& user : block->stream_uses) {
    memory.insert_event(block, end_of(lock, stream_at(lock, user)));
  }
  memory.release(block);
  if (block->event_count == 0) {
    put_back(lock, memory, block, poisons, site);
  }
}

// [memory.record_use]
void record_use(void* address, StreamRef stream) {
  const Site site = memory_site();
  const int device = device_of(address);
  Lock lock = enter("record_use");
  check_stream(stream);
  Block* block = device < 0 ? nullptr : memory_of(lock, device).find(address);
  if (block == nullptr) {
    return;
  }
  note_memory(lock, kUseRecorded, stream, number(address), block->bytes, site);
  auto& users = block->stream_uses;
  const bool own = block->segment->stream == stream;  // on which the block is used again in order
  if (!own && std::find(users.begin(), users.end(), stream) == users.end()) {
    users.push_back(stream);
  }
}

void empty_cache() {
  const Site site = memory_site();
  Lock lock = enter("empty_cache");
  for (int device = 0; device < device_count(); ++device) {
    DeviceMemory* memory = memory_if_used(lock, device);
    if (memory != nullptr && memory->reserved() > 0) {
      return_cached(lock, *memory, device, site);
    }
  }
}

void set_poison(bool on) { poison = on; }
bool poisons() noexcept { return poison; }

}  // namespace mtia::sim
