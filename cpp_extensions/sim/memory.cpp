#include "memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "enqueue.h"
#include "host_thread.h"
#include "memory_device.h"
#include "runtime.h"
#include "synchronize.h"

namespace mtia::sim {

namespace {
size_t capacity() { return static_cast<size_t>(simulator().profile.memory_bytes); }

std::array<std::unique_ptr<DeviceMemory>, kMaxDevices> memories;  // made at first use
std::array<std::atomic<char*>, kMaxDevices> bases;                // theirs, readable without a lock
std::atomic<bool> poison{false};
std::vector<std::function<void(const OutOfMemory&)>> observers;

DeviceMemory& memory_of(int device) {
  auto& memory = memories[device];
  if (!memory) {
    memory = std::make_unique<DeviceMemory>(device);
    bases[device] = memory->base();
  }
  return *memory;
}

constexpr int kPoison = 0xFF;

// A zero-duration command on the block's own stream, behind all that still uses it.
void enqueue_poison(Lock& lock, const Block& block) {
  Command command;
  command.name = intern("poison");
  command.effect = [address = block.address, bytes = block.bytes] {
    std::memset(address, kPoison, bytes);
  };
  enqueue(lock, stream_at(block.segment->stream), std::move(command));
}

// Effects may run meanwhile, so the block is in no list yet.
void put_back(Lock& lock, DeviceMemory& memory, Block* block, bool may_enqueue) {
  if (poison && may_enqueue && block->segment->pool == 0) {
    enqueue_poison(lock, *block);
  }
  memory.cache(block);
}

void put_back_settled(Lock& lock, DeviceMemory& memory) {
  while (Block* block = memory.next_settled()) {
    put_back(lock, memory, block, true);
  }
}

// What the device still does may use what is to be returned, so it has to finish first.
void return_cached(Lock& lock, DeviceMemory& memory, int device) {
  wait_for_device(lock, device_at(device));
  for (const Recording& use : memory.awaited()) {
    wait_for(lock, use);
  }
  put_back_settled(lock, memory);
  memory.return_cached_segments();
}

Block* take_new(Lock& lock, DeviceMemory& memory, StreamRef stream, PoolId pool, size_t bytes) {
  Block* block = memory.take_new(stream, pool, bytes, capacity());
  if (block != nullptr) {
    if (poison) {
      std::memset(block->segment->address, kPoison, block->segment->bytes);
    }
    simulator().clock += simulator().profile.allocate;
    run_due(lock);
  }
  return block;
}

Block* take_any(Lock& lock, DeviceMemory& memory, StreamRef stream, PoolId pool, size_t bytes) {
  put_back_settled(lock, memory);
  Block* block = memory.take_cached(stream, pool, bytes);
  return block != nullptr ? block : take_new(lock, memory, stream, pool, bytes);
}

std::string readable(size_t bytes) {
  static const char* units[] = {"bytes", "KiB", "MiB", "GiB"};
  double amount = static_cast<double>(bytes);
  int unit = 0;
  for (; amount >= 1024 && unit < 3; ++unit) {
    amount /= 1024;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", amount, units[unit]);
  return text;
}
}  // namespace

OutOfMemory::OutOfMemory(int device, size_t asked, size_t total, size_t reserved, size_t allocated)
    : Error("mtia:" + std::to_string(device) + " is out of memory: tried to allocate " +
            readable(asked) + ", but of its " + readable(total) + " only " +
            readable(total > reserved ? total - reserved : 0) + " are free. PyTorch holds " +
            readable(reserved) + ", of which " + readable(allocated) +
            " are allocated to tensors "
            "and " +
            readable(reserved - allocated) +
            " are cached, in pieces too small, on other streams, or in segments that are partly "
            "used. Let go of tensors, work on smaller batches, or give the device more with "
            "mtia_lab.configure(profile=...)"),
      device(device),
      asked(asked),
      total(total),
      free(total > reserved ? total - reserved : 0),
      reserved(reserved),
      allocated(allocated) {}

// [memory.allocate]
void* allocate(int device, StreamRef stream, size_t bytes) {
  Lock lock = enter("allocate");
  check_stream(stream);
  if (stream.device != device) {
    throw Error("memory of mtia:" + std::to_string(device) + " cannot be allocated on " +
                to_string(stream) + ": a block belongs to a stream of its own device. Pass one");
  }
  if (bytes == 0) {
    return nullptr;
  }
  initialize();
  mark(device_at(device).touched);
  DeviceMemory& memory = memory_of(device);
  const PoolId pool = capture_pool(stream);
  Block* block = take_any(lock, memory, stream, pool, bytes);
  if (block == nullptr) {
    return_cached(lock, memory, device);
    block = take_any(lock, memory, stream, pool, bytes);
  }
  if (block != nullptr) {
    return block->address;
  }
  const OutOfMemory error(device, bytes, capacity(), memory.reserved(), memory.allocated());
  const auto told = observers;
  lock.unlock();
  for (const auto& observer : told) {
    observer(error);
  }
  throw error;
}

// [memory.free]
void free(void* address) noexcept {
  const int device = device_of(address);
  if (device < 0) {
    return;
  }
  const bool may_enqueue = !this_thread().in_effect && !simulator().forked;
  Lock lock = poison && may_enqueue ? enter("free") : Lock(simulator().mutex);
  DeviceMemory& memory = memory_of(device);
  Block* block = memory.find(address);
  if (block == nullptr) {
    return;
  }
  for (const StreamRef& user : block->used_by) {
    memory.await(block, newest(stream_at(user)));
  }
  memory.release(block);
  if (block->awaited == 0) {
    put_back(lock, memory, block, may_enqueue);
  }
}

// [memory.record_use]
void record_use(void* address, StreamRef stream) {
  const int device = device_of(address);
  Lock lock = enter("recordStream");
  check_stream(stream);
  Block* block = device < 0 ? nullptr : memory_of(device).find(address);
  if (block == nullptr || block->segment->stream == stream) {
    return;
  }
  auto& users = block->used_by;
  if (std::find(users.begin(), users.end(), stream) == users.end()) {
    users.push_back(stream);
  }
}

void empty_cache() {
  Lock lock = enter("emptyCache");
  for (int device = 0; device < device_count(); ++device) {
    if (memories[device]) {
      return_cached(lock, *memories[device], device);
    }
  }
}

int device_of(const void* address) noexcept {
  for (int device = 0; address != nullptr && device < kMaxDevices; ++device) {
    const char* base = bases[device].load(std::memory_order_acquire);
    if (base != nullptr && address >= base && address < base + kRange) {
      return device;
    }
  }
  return -1;
}

bool owns(const void* address) noexcept { return device_of(address) >= 0; }

int64_t offset_of(const void* address) noexcept {
  const int device = device_of(address);
  return device < 0 ? -1 : static_cast<const char*>(address) - bases[device].load();
}

// These two only look, so they may be asked anywhere, also in an effect.
Recording newest_recording(StreamRef stream) {
  check_stream(stream);
  Lock lock(simulator().mutex);
  return newest(stream_at(stream));
}

bool is_complete(const Recording& recording) {
  check_stream(recording.stream);
  Lock lock(simulator().mutex);
  return has_run(recording);
}

// A command leaves its stream before its effect runs: while any runs, none is known to have.
bool has_run(const Recording& recording) {
  const auto& pending = stream_at(recording.stream).pending;
  const bool none = pending.empty() || pending.front().id > recording.command;
  return none && !simulator().running_effects;
}

PoolId capture_pool(StreamRef) { return 0; }

void release_pool(PoolId pool) {
  Lock lock = enter("releasePool");
  for (auto& memory : memories) {
    if (memory && pool != 0) {
      memory->release_pool(pool);
    }
  }
}

void set_poison(bool on) { poison = on; }

void observe_out_of_memory(std::function<void(const OutOfMemory&)> observer) {
  Lock lock(simulator().mutex);
  observers.push_back(std::move(observer));
}

}  // namespace mtia::sim
