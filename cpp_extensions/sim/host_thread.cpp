#include "host_thread.h"

#include <atomic>

#include "embedder.h"
#include "internal/simulator.h"
#include "runtime.h"

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

bool is_known_thread() noexcept { return thread.number >= 0; }

int device_count() noexcept { return process.device_count; }

int checked_device(int device) {
  const int count = process.device_count;
  if (device < 0 || device >= count) {
    check_open();
    throw Error(str("there is no device mtia:", device, ": this process has ", count,
                    " simulated device(s), with indices 0 to ", count - 1,
                    embedder().advice(Advice::UnknownDevice, device)));
  }
  return device;
}

int current_device() noexcept { return this_thread().device; }

void set_device(int device) {
  check_may_call("set_device");
  mark(process.touched[checked_device(device)]);
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
  return {checked_device(device), this_thread().streams[device]};
}

// [host_thread.exchange_stream]
StreamRef exchange_stream(StreamRef stream) {
  check_may_call("exchange_stream");
  check_stream(stream);
  StreamId& current = this_thread().streams[stream.device];
  const StreamRef previous{stream.device, current};
  current = stream.id;
  return previous;
}

}  // namespace mtia::sim
