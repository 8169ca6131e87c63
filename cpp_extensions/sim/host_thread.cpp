#include "host_thread.h"

#include <atomic>

#include "internal/simulator.h"

namespace mtia::sim {

namespace {
std::atomic<int> thread_count{0};
thread_local HostThread thread;
}  // namespace

HostThread& this_thread() noexcept {
  if (thread.number < 0) {
    thread.number = thread_count++;
  }
  return thread;
}

int device_count() noexcept { return simulator().device_count; }

int checked_device(int device) { return device_at(device).index; }

int current_device() noexcept { return this_thread().device; }

void set_device(int device) {
  check_may_call("setDevice");
  mark(device_at(device).touched);
  this_thread().device = device;
}

void set_device_if_valid(int device) noexcept {
  if (device >= 0 && device < device_count()) {
    this_thread().device = device;
  }
}

int exchange_device(int device) {
  const int previous = current_device();
  set_device(device);
  return previous;
}

StreamRef current_stream(int device) {
  device_at(device);
  return {device, this_thread().streams[device]};
}

StreamRef exchange_stream(StreamRef stream) {
  check_may_call("exchangeStream");
  check_stream(stream);
  StreamId& current = this_thread().streams[stream.device];
  const StreamRef previous{stream.device, current};
  current = stream.id;
  return previous;
}

}  // namespace mtia::sim
