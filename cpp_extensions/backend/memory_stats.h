// What PyTorch asks about device memory, as its own values and as Python's.
#pragma once

#include <Python.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <utility>

namespace mtia::backend {

c10::CachingDeviceAllocator::DeviceStats device_stats(int device);

// Bytes free and bytes in all.
std::pair<size_t, size_t> memory_info(int device);

// A new reference to {"dram": {...}}, of which torch.mtia reads allocated_bytes and peak_bytes.
PyObject* memory_stats_dict(int device);

}  // namespace mtia::backend
