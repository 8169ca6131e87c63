// Device memory: no block is given out twice, in whatever order they are allocated, freed and used.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "check.h"
#include "embedder.h"
#include "memory/allocator.h"
#include "memory/internal/device_memory.h"
#include "memory/out_of_memory.h"
#include "memory/protection.h"
#include "runtime.h"

using namespace mtia::sim;

namespace {

constexpr size_t kCapacity = 256 * kMegabyte;

// Effects count here what they find; they cannot CHECK, since what they throw is a kernel's
// failure.
std::atomic<int> wrong{0};

void idle(const std::string& schedule) {
  synchronize_device(0);
  synchronize_device(1);
  Profile profile;
  profile.launch = 2000;
  profile.allocate = 10'000;
  profile.memory_bytes = kCapacity;
  configure(schedule, profile);
}

void on(StreamRef stream, Effect effect) {
  const int device = exchange_device(stream.device);
  const StreamRef previous = exchange_stream(stream);
  launch("k", 5000, std::move(effect));
  exchange_stream(previous);
  set_device(device);
}

void fill(StreamRef stream, void* address, size_t bytes, unsigned char value) {
  on(stream, [=] { std::memset(address, value, bytes); });
}

void expect(StreamRef stream, const void* address, size_t bytes, unsigned char value) {
  on(stream, [=] {
    const auto* begin = static_cast<const unsigned char*>(address);
    wrong += std::count(begin, begin + bytes, value) != static_cast<std::ptrdiff_t>(bytes);
  });
}

struct Held {
  void* address;
  size_t bytes;
  StreamRef stream;
  unsigned char value;
};

// Every block is filled with its own number by its stream, looked at by another one, which is
// recorded, looked at again by its own, and freed while all that is still to come.
void no_block_is_given_out_twice(const std::string& schedule, bool poisoned) {
  idle(schedule);
  set_poison(poisoned);
  std::minstd_rand random(7);
  const auto below = [&](int limit) { return static_cast<int>(random() % limit); };
  const StreamRef streams[] = {{0, 0}, new_stream(0, 0), new_stream(0, 0), new_stream(1, 0)};
  std::vector<Held> held;
  for (int step = 0; step < 4000; ++step) {
    if (held.size() < 40 && below(2) == 0) {
      const StreamRef stream = streams[below(3)];
      const size_t bytes = below(10) == 0 ? kMegabyte + below(kMegabyte) : 1 + below(5000);
      Held block{allocate(0, stream, bytes), bytes, stream, static_cast<unsigned char>(step)};
      fill(stream, block.address, bytes, block.value);
      held.push_back(block);
    } else if (!held.empty()) {
      std::swap(held[below(static_cast<int>(held.size()))], held.back());
      const Held block = held.back();
      held.pop_back();
      for (int users = below(4); users > 0; --users) {
        const StreamRef user = streams[below(4)];
        const EventId filled = record(0, block.stream, false);
        wait(filled, user);
        destroy_event(filled);
        record_use(block.address, user);
        expect(user, block.address, block.bytes, block.value);
      }
      expect(block.stream, block.address, block.bytes, block.value);
      mtia::sim::free(block.address);
    }
    if (below(300) == 0) {
      empty_cache();
    }
  }
  for (const Held& block : held) {
    mtia::sim::free(block.address);
  }
  empty_cache();
  idle("modelled");
  set_poison(false);
  CHECK(wrong == 0);
  CHECK(memory_stats(0).allocated_bytes.all.current == 0);
  CHECK(memory_stats(0).reserved_bytes.all.current == 0);
}

void a_missing_record_use_shows() {
  idle("latest");
  const StreamRef own{0, 0}, side = new_stream(0, 0);
  void* block = allocate(0, own, 1000);
  fill(own, block, 1000, 1);
  synchronize_stream(own);
  expect(side, block, 1000, 1);
  mtia::sim::free(block);
  void* again = allocate(0, own, 1000);
  CHECK(again == block);
  fill(own, again, 1000, 2);
  synchronize_stream(own);
  synchronize_stream(side);
  CHECK(wrong.exchange(0) == 1);
  mtia::sim::free(again);
}

void an_address_belongs_to_one_device() {
  idle("modelled");
  char* block = static_cast<char*>(allocate(1, {1, 0}, 100));
  CHECK(device_of(block) == 1 && device_of(block + 99) == 1);
  CHECK(offset_of(block + 7) == offset_of(block) + 7);
  int local = 0;
  CHECK(device_of(&local) == -1 && device_of(nullptr) == -1 && offset_of(&local) == -1);
  CHECK(allocate(1, {1, 0}, 0) == nullptr);
  record_use(&local, {1, 0});
  mtia::sim::free(nullptr);
  mtia::sim::free(&local);
  mtia::sim::free(block + 512);  // starts no block
  CHECK(memory_stats(1).allocation.all.current == 1);
  block[0] = 1;
  mtia::sim::free(block);
  empty_cache();
  CHECK(block[0] == 0);  // given back, and still readable
  CHECK(RAISES(allocate(0, {1, 0}, 1)).find("of its own device") != std::string::npos);
  CHECK(RAISES(allocate(0, {0, 12345}, 1)).find("12345") != std::string::npos);
}

// An embedder that keeps what the host touched.
struct Witness final : Embedder {
  std::vector<Touch> touches;
  void host_touched(const Touch& touch) noexcept override { touches.push_back(touch); }
};

void the_host_may_not_touch_protected_memory() {
  idle("modelled");
  Witness witness;
  Embedder& before = embedder();
  set_embedder(witness);
  auto* block = static_cast<volatile char*>(allocate(1, {1, 0}, 100));
  block[3] = 1;
  {
    const OpenMemory open;  // as to effects of another thread that have begun
    set_protection(true);
    block[3] = 2;
  }
  CHECK(witness.touches.empty());
  fill({1, 0}, const_cast<char*>(block), 100, 7);
  synchronize_device(1);
  CHECK(witness.touches.empty());
  CHECK(block[3] == 7);  // it goes on, and until the memory is closed again, it is open
  block[4] = 8;
  CHECK(witness.touches.size() == 1);
  CHECK(witness.touches[0].device == 1);
  CHECK(witness.touches[0].offset == offset_of(const_cast<char*>(block)) + 3);
  {
    const OpenMemory open;
    close_memory();
    block[4] = 9;
  }
  CHECK(witness.touches.size() == 1);
  block[5] = 9;
  close_memory();
  CHECK(block[5] == 9);
  CHECK(witness.touches.size() == 3);
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
  CHECK(!witness.touches[0].wrote && witness.touches[1].wrote);
#endif
  void* later = allocate(0, {0, 0}, 30 * kMegabyte);  // of a new segment
  CHECK(static_cast<volatile char*>(later)[0] == 0);
  CHECK(witness.touches.size() == 4 && witness.touches[3].device == 0);
  set_protection(false);
  CHECK(block[5] == 9);
  CHECK(witness.touches.size() == 4);
  mtia::sim::free(later);
  mtia::sim::free(const_cast<char*>(block));
  set_embedder(before);
  empty_cache();
}

void out_of_memory_is_observed_and_thrown() {
  idle("modelled");
  static std::vector<size_t> seen;  // observers stay
  observe_out_of_memory([](const OutOfMemory& error) {
    seen.push_back(error.asked);
    CHECK(memory_stats(error.device).out_of_memory > 0);  // the lock is free
  });
  void* half = allocate(0, {0, 0}, kCapacity / 2);
  for (size_t asked : {kCapacity / 2 + 1, kCapacity + 1, ~size_t{0}, ~size_t{0} - 511}) {
    CHECK(RAISES(allocate(0, {0, 0}, asked)).find("out of memory") != std::string::npos);
    CHECK(seen.back() == asked);
  }
  void* rest = allocate(0, {0, 0}, kCapacity / 2);
  CHECK(RAISES(allocate(0, {0, 0}, 1)).find(" 0 are free") != std::string::npos);
  mtia::sim::free(half);
  void* other = allocate(0, new_stream(0, 0), 3 * kMegabyte);  // after the half was given back
  mtia::sim::free(rest);
  mtia::sim::free(other);
  empty_cache();
}

void an_effect_may_free() {
  idle("latest");
  set_poison(true);
  void* block = allocate(0, {0, 0}, 1000);
  on({0, 0}, [block] { mtia::sim::free(block); });
  on({0, 0}, [] { allocate(0, {0, 0}, 1); });
  CHECK(memory_stats(0).allocation.all.current == 1);
  CHECK(RAISES(synchronize_device(0)).find("inside a command's effect") != std::string::npos);
  CHECK(memory_stats(0).allocation.all.current == 0);
  set_poison(false);
}

void a_pool_keeps_its_blocks_until_it_is_released() {
  DeviceMemory memory(9);
  const StreamRef stream{9, 0};
  Block* kept = memory.take_new(stream, 5, 1000, kCapacity);
  Block* used = memory.take_cached(stream, 5, 1000);
  memory.release(kept);
  memory.cache(kept);
  CHECK(memory.take_cached(stream, 0, 1000) == nullptr);
  CHECK(memory.take_cached(stream, 5, 1000) == kept);
  memory.release(kept);
  memory.cache(kept);
  memory.release_pool(5);
  memory.release(used);
  memory.cache(used);
  CHECK(memory.take_cached(stream, 5, 1000) == nullptr);
  Block* whole = memory.take_cached(stream, 0, kMegabyte);
  CHECK(whole != nullptr && whole->prev == nullptr && whole->next->cached);
}

// Threads allocate on streams of their own, and free what others allocated.
void threads_hand_blocks_around(const std::string& schedule, bool poisoned) {
  idle(schedule);
  set_poison(poisoned);
  std::mutex mutex;
  std::vector<Held> bag;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const StreamRef mine = new_stream(0, 0);
      std::minstd_rand random(t + 1);
      for (int round = 0; round < 300; ++round) {
        const size_t bytes = 1 + random() % 20000;
        Held block{allocate(0, mine, bytes), bytes, mine, static_cast<unsigned char>(round)};
        fill(mine, block.address, bytes, block.value);
        std::unique_lock<std::mutex> lock(mutex);
        bag.push_back(block);
        std::swap(bag[random() % bag.size()], bag.back());
        const Held taken = bag.back();
        bag.pop_back();
        lock.unlock();
        expect(taken.stream, taken.address, taken.bytes, taken.value);
        mtia::sim::free(taken.address);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  idle("modelled");
  set_poison(false);
  CHECK(wrong == 0);
  CHECK(memory_stats(0).allocated_bytes.all.current == 0);
  empty_cache();
  CHECK(memory_stats(0).reserved_bytes.all.current == 0);
}

// An embedder that counts what the host touched; in a handler of a signal, on any thread.
struct Counter final : Embedder {
  std::atomic<int> touches{0};
  void host_touched(const Touch& /*touch*/) noexcept override { ++touches; }
};

void protected_for_threads(const std::function<void(Counter&)>& body) {
  Counter counter;
  Embedder& before = embedder();
  set_embedder(counter);
  set_protection(true);
  body(counter);
  set_protection(false);
  set_embedder(before);
}

// An effect that one thread runs while the others allocate, free and wait is no touch of the host.
void effects_of_threads_use_protected_memory() {
  protected_for_threads([](const Counter& counter) {
    threads_hand_blocks_around("random:1", true);
    CHECK(counter.touches == 0);
  });
}

// Each thread touches a block of its own, while others have theirs filled, and close the memory.
void threads_touch_protected_memory() {
  idle("modelled");
  protected_for_threads([](const Counter& counter) {
    std::vector<std::thread> threads;
    std::vector<volatile unsigned char*> blocks;
    for (int t = 0; t < 8; ++t) {
      const StreamRef mine = new_stream(0, 0);
      blocks.push_back(static_cast<volatile unsigned char*>(allocate(0, mine, 1000)));
      threads.emplace_back([mine, block = blocks.back()] {
        for (int round = 0; round < 100; ++round) {
          const auto value = static_cast<unsigned char>(round);
          fill(mine, const_cast<unsigned char*>(block), 1000, value);
          synchronize_stream(mine);
          wrong += block[round] != value;
          block[round] = 255;
          wrong += block[round] != 255;
          close_memory();
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(wrong == 0);
    const int before = counter.touches;
    CHECK(before > 0);
    CHECK(blocks[0][99] == 255);  // nobody uses it any more, so it is closed
    CHECK(counter.touches == before + 1);
    for (volatile unsigned char* block : blocks) {
      mtia::sim::free(const_cast<unsigned char*>(block));
    }
  });
  empty_cache();
}

}  // namespace

const std::vector<Test> kMemory{
    {"blocks, modelled", [] { no_block_is_given_out_twice("modelled", false); }},
    {"blocks, blocking", [] { no_block_is_given_out_twice("blocking", false); }},
    {"blocks, latest", [] { no_block_is_given_out_twice("latest", false); }},
    {"blocks, random", [] { no_block_is_given_out_twice("random:3", true); }},
    {"blocks, latest, poisoned", [] { no_block_is_given_out_twice("latest", true); }},
    {"missing record_use", a_missing_record_use_shows},
    {"addresses", an_address_belongs_to_one_device},
    {"protection", the_host_may_not_touch_protected_memory},
    {"out of memory", out_of_memory_is_observed_and_thrown},
    {"freed by an effect", an_effect_may_free},
    {"pools", a_pool_keeps_its_blocks_until_it_is_released},
};

const std::vector<Test> kMemoryOfThreads{
    {"blocks of threads, modelled", [] { threads_hand_blocks_around("modelled", false); }},
    {"blocks of threads, latest, poisoned", [] { threads_hand_blocks_around("latest", true); }},
    {"blocks of threads, protected", effects_of_threads_use_protected_memory},
    {"touches of threads", threads_touch_protected_memory},
};
