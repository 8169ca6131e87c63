// Device memory: a stream-ordered caching allocator, as PyTorch's own for CUDA.
//
// A block belongs to the stream it was allocated on. Freed, it is at once free for that stream,
// whose later commands come after its earlier ones; other streams that use it must be named by
// record_use. Addresses are readable by the host and stay so after a free: a program that uses
// freed memory, or reads before it synchronizes, gets wrong values and never a crash.
#pragma once

#include <cstddef>

#include "../types.h"

namespace mtia::sim {

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

// Fills fresh memory and, in stream order, each freed block with 0xFF bytes. Off by default.
void set_poison(bool on);
bool poisons() noexcept;  // also of the host's pinned memory
constexpr int kPoison = 0xFF;

}  // namespace mtia::sim
