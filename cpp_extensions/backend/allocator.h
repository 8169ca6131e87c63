// Device memory as PyTorch knows it: a c10::DeviceAllocator over sim/memory/allocator.h.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>

namespace mtia::backend {

// [allocator.class]
struct MTIAAllocator final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t bytes) const override;

  bool initialized() override;
  void emptyCache(c10::MempoolId_t pool = {0, 0}) override;
  void recordStream(const c10::DataPtr& data, c10::Stream stream) override;
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex index) override;
  void resetAccumulatedStats(c10::DeviceIndex index) override;
  void resetPeakStats(c10::DeviceIndex index) override;
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex index) override;
};

MTIAAllocator& allocator();

// Memory of `device` for commands on this thread's current stream there. Throws
// c10::OutOfMemoryError, which is torch.OutOfMemoryError in Python.
at::DataPtr allocate(int device, size_t bytes);

}  // namespace mtia::backend
