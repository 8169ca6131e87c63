#include "touches.h"

#include <Python.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "../sim/host_thread.h"
#include "../sim/text.h"
#include "../sim/types.h"
#include "python.h"
#include "python_error.h"
#include "words.h"

namespace mtia::backend {

namespace {
constexpr size_t kMostLines = 64;
constexpr std::ptrdiff_t kRoom = 4096;  // bytes of stack: asking for the lines takes some hundred

// Who may use what is kept: whoever has changed kNone to kBusy, or kKept to kBusy.
enum class Kept { kNone, kBusy, kKept };
std::atomic<Kept> state{Kept::kNone};
sim::Touch kept;
std::vector<Line> lines;

bool take_from(Kept expected) { return state.compare_exchange_strong(expected, Kept::kBusy); }

// A handler may have a stack of its own, which is small.
bool has_room() {
  stack_t stack;
  if (sigaltstack(nullptr, &stack) != 0 || (stack.ss_flags & SS_ONSTACK) == 0) {
    return true;
  }
  return reinterpret_cast<const char*>(&stack) - static_cast<const char*>(stack.ss_sp) > kRoom;
}

// No Python code may run here, so lines are named later. Nor can they be had without the
// interpreter's lock, as where NumPy or ctypes has given it up; then they are not known.
void keep_lines() {
  if (!interpreter_is_up() || PyGILState_Check() == 0 || !has_room()) {
    return;
  }
  const bool collects = PyGC_Disable() != 0;
  for_each_line([](Line line) {
    lines.push_back(std::move(line));
    return lines.size() < kMostLines;
  });
  if (collects) {
    PyGC_Enable();
  }
}

// " at train.py:12"; or where the program is now.
std::string where() {
  sim::Site site = name_of_first(lines);
  const char* how = site.empty() ? ", noticed at " : " at ";
  if (site.empty()) {
    site = PythonEmbedder().call_site();
  }
  return site.empty() ? "" : how + sim::plain(site);
}

int raise_touch(void*) {
  if (sim::this_thread().in_effect || PythonEmbedder().call_site().empty()) {
    return 0;  // the error would be another's: the next runtime call has it
  }
  try {
    throw_touch();
    return 0;
  } catch (...) {
    torch::translate_exception_to_python(std::current_exception());
    return -1;
  }
}
}  // namespace

void keep_touch(const sim::Touch& touch) noexcept {
  if (take_from(Kept::kNone)) {
    kept = touch;
    keep_lines();
    state = Kept::kKept;
    raise_touch_soon();
  }
}

void raise_touch_soon() noexcept {
  if (state == Kept::kKept) {
    static_cast<void>(Py_AddPendingCall(raise_touch, nullptr));
  }
}

void throw_touch() {
  if (state.load(std::memory_order_relaxed) != Kept::kKept || !interpreter_is_up()) {
    return;
  }
  WithGil gil;
  if (!take_from(Kept::kKept)) {
    return;  // another thread throws it
  }
  const std::string text = touched(kept, where());
  lines.clear();
  state = Kept::kNone;
  sim::close_memory();
  throw sim::Error(text);
}

}  // namespace mtia::backend
