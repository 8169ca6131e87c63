// Pinned memory: PyTorch's own caching host allocator. The simulated device reads all host memory
// alike, so what is pinned is ordinary page-aligned memory that this allocator knows.
#pragma once

#include <ATen/core/CachingHostAllocator.h>

namespace mtia::backend {

at::HostAllocator& pinned_allocator();

// Whether `address` is in pinned memory, at the start of an allocation or within it.
bool is_pinned(const void* address);

// Where that is, as the log shows it: all memory that was ever pinned is numbered in one row. -1 if
// it is not pinned.
int64_t pinned_offset(const void* address);

}  // namespace mtia::backend
