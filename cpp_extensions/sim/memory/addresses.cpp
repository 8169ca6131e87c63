#include "addresses.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "../types.h"

namespace mtia::sim {

namespace {
std::array<std::atomic<char*>, kMaxDevices> bases;
std::array<std::atomic<size_t>, kMaxDevices> used;  // bytes from there on

[[noreturn]] void refuse_memory(int device, const char* what, size_t bytes) {
  throw Error(str("the system gave mtia:", device, " no ", what, " for ", bytes, " bytes (",
                  std::strerror(errno),
                  "): device memory is memory of this process. A limit is set, by `ulimit -v`, a "
                  "container or vm.overcommit_memory; raise it, or use less"));
}

}  // namespace

int device_of(const void* address) noexcept {
  for (int device = 0; address != nullptr && device < kMaxDevices; ++device) {
    const char* base = bases[device].load(std::memory_order_relaxed);
    if (base != nullptr && address >= base && address < base + kRange) {
      return device;
    }
  }
  return -1;
}

int64_t offset_of(const void* address) noexcept {
  const int device = device_of(address);
  return device < 0 ? -1 : static_cast<const char*>(address) - bases[device].load();
}

// Addresses without memory. They are the same in every run where the system takes the hint.
char* reserve_range(int device) {
  auto* hint = reinterpret_cast<void*>((0x20ull << 40) + (uint64_t{1} << 40) * device);
  void* base = mmap(hint, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    refuse_memory(device, "addresses", kRange);
  }
  bases[device] = static_cast<char*>(base);
  return bases[device];
}

void give_memory(int device, char* address, size_t bytes) {
  if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) {
    refuse_memory(device, "memory", bytes);
  }
  const auto end = static_cast<size_t>(address + bytes - bases[device]);
  used[device] = std::max(used[device].load(), end);
}

Span memory_of_range(int device) noexcept { return {bases[device], used[device]}; }

// The addresses stay readable, as zeros: a program that still uses them is wrong, but does not
// crash.
void take_memory(char* address, size_t bytes) noexcept { madvise(address, bytes, MADV_DONTNEED); }

}  // namespace mtia::sim
