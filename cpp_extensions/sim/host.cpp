#include "host.h"

#include <atomic>

#include "host_thread.h"

namespace mtia::sim {

namespace {
Host plain_host;  // no interpreter, no lines: what a C++ program gets
std::atomic<Host*> current_host{&plain_host};
std::atomic<int> thread_count{0};
thread_local HostThread thread;
}  // namespace

std::string Host::reason(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "it threw something that is not a std::exception";
  }
}

void Host::raise(const std::string& text, const std::vector<Failure>& /*failures*/) {
  throw Error(text);
}

void set_host(Host& host) noexcept { current_host = &host; }
Host& host() noexcept { return *current_host; }

HostThread& this_thread() noexcept {
  if (thread.number < 0) {
    thread.number = thread_count++;
  }
  return thread;
}

}  // namespace mtia::sim
