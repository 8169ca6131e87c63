// Device memory: a stream-ordered caching allocator, as PyTorch's own for CUDA.
//
// A block belongs to the stream it was allocated on. Freed, it is at once free for that stream,
// whose later commands come after its earlier ones; other streams that use it must be named by
// record_use. Addresses are readable by the host and stay so after a free: a program that uses
// freed memory, or reads before it synchronizes, gets wrong values and never a crash.
#pragma once

#include <functional>

#include "device.h"
#include "memory_stats.h"

namespace mtia::sim {

struct OutOfMemory : Error {
  OutOfMemory(int device, size_t asked, size_t total, const MemoryStats& stats);
  int device;
  size_t asked;  // bytes
  size_t total;  // the device's capacity
  size_t free;   // of it, not reserved by the allocator
};

using PoolId = int64_t;  // 0: the ordinary pool. Others keep the memory of a captured graph.

// --- Blocks -------------------------------------------------------------------------------------

// At least `bytes` bytes for commands on `stream`, which is one of `device`; null for 0 bytes.
// Throws OutOfMemory when nothing is left after the caches were given back.
void* allocate(int device, StreamRef stream, size_t bytes);

// For any thread, also inside an effect or in a forked child. Null is fine.
void free(void* address) noexcept;

// `stream` uses the block that starts at `address`: once freed, it rests until what is enqueued on
// `stream` by then has run. An address that starts no block of ours is ignored.
void record_use(void* address, StreamRef stream);

// Gives cached segments that hold no used block back to the device, once all its work has run.
void empty_cache();

// --- Statistics ---------------------------------------------------------------------------------
MemoryStats memory_stats(int device);
void reset_peak_memory_stats(int device);
void reset_accumulated_memory_stats(int device);
size_t memory_capacity(int device);  // bytes

// --- Addresses ----------------------------------------------------------------------------------
bool owns(const void* address) noexcept;
int device_of(const void* address) noexcept;      // -1: no device's
int64_t offset_of(const void* address) noexcept;  // in its device's range, as the log shows it

// --- What has run -------------------------------------------------------------------------------
Recording newest_recording(StreamRef stream);  // of everything enqueued on it so far
bool is_complete(const Recording& recording);  // whether its effects have run; runs nothing

// --- Debugging ----------------------------------------------------------------------------------

// Fills fresh memory and, in stream order, each freed block with 0xFF bytes. Off by default.
void set_poison(bool on);
bool poisons() noexcept;  // also of the host's pinned memory
constexpr int kPoison = 0xFF;

// Called before OutOfMemory is thrown, without a lock. Never taken away.
void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer);
void tell_observers(const OutOfMemory& error);

}  // namespace mtia::sim
