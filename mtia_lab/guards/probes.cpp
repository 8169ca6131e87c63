// How the checks reach the registered guard from Python, for ctypes: its methods one by one, and
// the guards of C++ that PyTorch's operators and autograd use. No exception may leave: each
// function returns false if one was thrown, and `problem()` says which.
#include <c10/core/Allocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/StreamGuard.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>

#include "forwarding.h"

namespace mtia_lab {

std::string last_problem;

template <typename Body>
bool guarded(const Body& body) {
  try {
    body();
    return true;
  } catch (const c10::Error& error) {
    last_problem = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_problem = error.what();
  } catch (...) {
    last_problem = "an exception that derives from no std::exception";
  }
  return false;
}

const Impl& registered() { return *c10::impl::getDeviceGuardImpl(c10::DeviceType::MTIA); }

c10::Device device(int index) {
  return c10::Device(c10::DeviceType::MTIA, static_cast<c10::DeviceIndex>(index));
}

struct Ref {  // a stream as Python knows it
  int64_t device;
  int64_t id;
  c10::Stream stream() const {
    return c10::Stream(c10::Stream::UNSAFE, mtia_lab::device(static_cast<int>(device)), id);
  }
};

Ref ref(const c10::Stream& stream) { return {stream.device_index(), stream.id()}; }

// Run `body` inside the scope of a C++ guard, and leave that by an exception if `throws`.
using Callback = void (*)();
struct Leaving : std::exception {};
template <typename Guard, typename... Args>
bool scope(Callback body, bool throws, const Args&... args) {
  return guarded([&] {
    try {
      const Guard guard(args...);
      body();
      if (throws) {
        throw Leaving();
      }
    } catch (const Leaving&) {  // it did its work: unwinding the scope
    }
  });
}

// Each line goes out at once, so that the file says where the process was when it died.
int notes = -1;
void note(const char* mark, const char* text) {
  const std::string line = std::string(mark) + text + "\n";
  if (::write(notes, line.data(), line.size()) < 0) {
    ::_exit(99);  // nothing this process does could be reported
  }
}

// An exception has left a method or a destructor that is noexcept, or was not caught.
void on_terminate() {
  const std::exception_ptr thrown = std::current_exception();
  const bool known = thrown && !guarded([&] { std::rethrow_exception(thrown); });
  note("!", known ? last_problem.substr(0, last_problem.find('\n')).c_str() : "");
  std::abort();
}

}  // namespace mtia_lab

using mtia_lab::guarded;
using mtia_lab::Ref;
using mtia_lab::ref;
using mtia_lab::registered;

extern "C" {

// Put the guard that `make` makes in the place of the registered one, and take notes in front of
// it.
bool install(const mtia_lab::Impl* (*make)(const mtia_lab::Impl&), int file) {
  return guarded([&] {
    mtia_lab::notes = file;
    std::set_terminate(mtia_lab::on_terminate);
    // Leaked, as PyTorch asks: destructors at the process's end may still use a guard.
    const mtia_lab::Impl* made = make(registered());
    c10::impl::registerDeviceGuard(c10::DeviceType::MTIA,
                                   new mtia_lab::ForwardingGuard(*made, mtia_lab::note));
  });
}

const char* problem() { return mtia_lab::last_problem.c_str(); }

bool getDevice(int64_t* index) {
  return guarded([&] { *index = registered().getDevice().index(); });
}
bool exchangeDevice(int index, int64_t* previous) {
  return guarded([&] { *previous = registered().exchangeDevice(mtia_lab::device(index)).index(); });
}
bool uncheckedSetDevice(int index) {
  return guarded([&] { registered().uncheckedSetDevice(mtia_lab::device(index)); });
}
bool deviceCount(int64_t* count) {
  return guarded([&] { *count = registered().deviceCount(); });
}

bool getStream(int index, Ref* found) {
  return guarded([&] { *found = ref(registered().getStream(mtia_lab::device(index))); });
}
bool getDefaultStream(int index, Ref* found) {
  return guarded([&] { *found = ref(registered().getDefaultStream(mtia_lab::device(index))); });
}
bool getNewStream(int index, Ref* made) {
  return guarded([&] { *made = ref(registered().getNewStream(mtia_lab::device(index), 0)); });
}
bool getStreamFromGlobalPool(int index, Ref* found) {
  return guarded(
      [&] { *found = ref(registered().getStreamFromGlobalPool(mtia_lab::device(index), false)); });
}
bool exchangeStream(const Ref* stream, Ref* previous) {
  return guarded([&] { *previous = ref(registered().exchangeStream(stream->stream())); });
}
bool synchronizeDevice(int index) {
  return guarded([&] { registered().synchronizeDevice(static_cast<c10::DeviceIndex>(index)); });
}

// With the handle of an event that was never recorded.
bool blockUnrecorded(const Ref* stream) {
  return guarded([&] { registered().block(nullptr, stream->stream()); });
}
bool queryUnrecorded(int64_t* answer) {
  return guarded([&] { *answer = registered().queryEvent(nullptr); });
}
bool synchronizeUnrecorded() {
  return guarded([&] { registered().synchronizeEvent(nullptr); });
}

// Whether memory of device 0 that `stream` was said to use is handed out again at once.
bool handedOutAgain(const Ref* stream, int64_t* answer) {
  return guarded([&] {
    constexpr size_t bytes = 1 << 20;
    c10::Allocator* allocator = c10::GetAllocator(c10::DeviceType::MTIA);
    c10::DataPtr data = allocator->allocate(bytes);
    registered().recordDataPtrOnStream(data, stream->stream());
    const void* address = data.get();
    data.clear();
    *answer = allocator->allocate(bytes).get() == address;
  });
}

// The scopes that PyTorch's C++ opens around its work.
bool DeviceGuard(int index, mtia_lab::Callback body, bool throws) {
  return mtia_lab::scope<c10::DeviceGuard>(body, throws, mtia_lab::device(index));
}
bool OptionalDeviceGuard(int index, mtia_lab::Callback body, bool throws) {
  return mtia_lab::scope<c10::OptionalDeviceGuard>(body, throws, mtia_lab::device(index));
}
bool StreamGuard(const Ref* stream, mtia_lab::Callback body, bool throws) {
  return mtia_lab::scope<c10::StreamGuard>(body, throws, stream->stream());
}
bool MultiStreamGuard(const Ref* one, const Ref* two, mtia_lab::Callback body, bool throws) {
  const std::vector<c10::Stream> streams{one->stream(), two->stream()};
  return mtia_lab::scope<c10::MultiStreamGuard>(body, throws, c10::ArrayRef<c10::Stream>(streams));
}
}
