// Which device an address belongs to. Needs no lock: a range, once reserved, stays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mtia::sim {

constexpr size_t kRange = size_t{1} << 37;  // addresses of a device: 128 GiB

int device_of(const void* address) noexcept;      // -1: no device's
int64_t offset_of(const void* address) noexcept;  // in its device's range, as the log shows it

char* reserve_range(int device);  // its first address; throws Error if there is none
void give_memory(int device, char* address, size_t bytes);  // in its range, as zeros; throws Error
void take_memory(char* address, size_t bytes) noexcept;

struct Span {
  char* begin = nullptr;
  size_t bytes = 0;
};
Span memory_of_range(int device) noexcept;  // from its first byte to the last that was ever given

}  // namespace mtia::sim
