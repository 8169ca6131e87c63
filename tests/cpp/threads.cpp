// Eight host threads at once, some of them holding an interpreter lock as Python's threads do.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "check.h"
#include "embedder.h"
#include "log/log.h"
#include "runtime.h"

using namespace mtia::sim;

namespace {

constexpr int kThreads = 8;
constexpr int kRounds = 300;
constexpr Time us = 1000;

// Stands for Python's global interpreter lock: callers hold it, and effects need it.
struct Interpreter : Embedder {
  std::mutex mutex;
  static thread_local bool held;
  std::atomic<bool> impatient{false};  // as when the user interrupts the program

  void* release() noexcept override {
    if (!held) {
      return nullptr;
    }
    held = false;
    mutex.unlock();
    return this;
  }
  void acquire(void* token) noexcept override {
    if (token) {
      take();
    }
  }
  void check_wait(std::uintptr_t /*thread*/, const std::string& command) override {
    if (impatient) {
      throw Error("interrupted while waiting for " + command);
    }
  }
  void take() {
    mutex.lock();
    held = true;
  }
  void give() {
    held = false;
    mutex.unlock();
  }
  void ensure(const std::function<void()>& body) {
    const bool had = held;
    if (!had) {
      take();
    }
    body();
    if (!had) {
      give();
    }
  }
};
thread_local bool Interpreter::held = false;
Interpreter interpreter;

// Starts the threads together and waits for all of them.
void together(const std::function<void(int)>& body) {
  std::mutex mutex;
  std::condition_variable all_here;
  int here = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      {
        std::unique_lock<std::mutex> lock(mutex);
        ++here;
        all_here.notify_all();
        all_here.wait(lock, [&] { return here == kThreads; });
      }
      body(number);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void own_streams_shared_events(const char* schedule) {
  configure(schedule, {2 * us, us / 2, us, us / 2, 4, 16});
  long counted = 0;  // guarded by the interpreter lock
  std::atomic<int> recorded{0};
  std::vector<EventId> shared(kThreads);
  together([&](int number) {
    const int device = number % 2;
    const bool python = number < 6;  // the others are as autograd's threads: without the lock
    if (python) {
      interpreter.take();
    }
    const StreamRef mine = new_stream(device, 0);
    set_device(device);
    exchange_stream(mine);
    shared[number] = record(0, mine, true);
    interpreter.ensure([&] { ++recorded; });
    for (int round = 0; round < kRounds; ++round) {
      launch("count", us * (round % 7), [&] { interpreter.ensure([&] { ++counted; }); });
      CHECK(current_device() == device && current_stream(device) == mine);
      record(shared[number], mine, true);
      if (recorded == kThreads) {
        wait(shared[(number + round) % kThreads], mine);
      }
      switch (round % 5) {
        case 0:
          query_event(shared[number]);
          break;
        case 2:
          synchronize_stream(mine);
          break;
        case 4:
          synchronize_device(device);
      }
    }
    synchronize_stream(mine);
    if (python) {
      interpreter.give();
    }
  });
  synchronize_device(0);
  synchronize_device(1);
  CHECK(counted == kThreads * kRounds);
  for (EventId event : shared) {
    destroy_event(event);
  }
}

void recording_starts_and_stops_meanwhile() {
  configure("modelled", {2 * us, us / 2, us, us / 2, 4, 1024});
  together([](int number) {
    const StreamRef mine = pool_stream(0, number % 2);
    exchange_stream(mine);
    for (int round = 0; round < kRounds; ++round) {
      if (number == 0) {
        const int64_t position = log::begin();
        launch("k", us, {});
        CHECK(!log::read(position).bytes.empty());
        log::end();
      }
      launch("k", us, {});
      destroy_event(record(0, mine, false));
    }
  });
  synchronize_device(0);
  CHECK(!log::recording());
}

void a_wait_behind_an_effect_can_be_ended() {
  configure("modelled", {2 * us, us / 2, us, us / 2, 4, 1024});
  std::atomic<bool> running{false}, gone{false};
  launch("slow", us, [&] {
    running = true;
    while (!gone) {
      std::this_thread::yield();
    }
  });
  std::thread other([&] {
    while (!running) {
      std::this_thread::yield();
    }
    interpreter.impatient = true;
    const std::string text = RAISES(synchronize_device(1));
    interpreter.impatient = false;
    gone = true;
    CHECK(text == "interrupted while waiting for slow");
  });
  synchronize_device(0);
  other.join();
}

}  // namespace

const std::vector<Test> kMultiThreaded{
    {"an interpreter", [] { set_embedder(interpreter); }},
    {"threads, modelled", [] { own_streams_shared_events("modelled"); }},
    {"threads, blocking", [] { own_streams_shared_events("blocking"); }},
    {"threads, latest", [] { own_streams_shared_events("latest"); }},
    {"threads, random", [] { own_streams_shared_events("random:5"); }},
    {"recording meanwhile", recording_starts_and_stops_meanwhile},
    {"interrupted", a_wait_behind_an_effect_can_be_ended},
};
