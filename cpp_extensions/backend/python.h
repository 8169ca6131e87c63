// The Python side of the host: the interpreter lock, the program's line, callables as effects.
#pragma once

#include <Python.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../sim/command.h"
#include "../sim/embedder.h"

namespace mtia::backend {

// Holds the interpreter lock, taken if this thread did not have it.
class WithGil {
 public:
  WithGil() : state_(PyGILState_Ensure()) {}
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

// A reference of our own.
struct Release {
  void operator()(PyObject* object) const { Py_XDECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Release>;

// Calling Python, with the interpreter lock. What Python raised is never cleared: it is thrown as
// it is, or, where nothing may be thrown, raised later.

// What a call to Python gave; throws what it raised.
Owned or_throw(PyObject* result);
[[noreturn]] void throw_error();

// Throws a RuntimeError with this text, caused by the error that is set; but what is no Exception,
// such as KeyboardInterrupt, is thrown as it is.
[[noreturn]] void throw_error_as(const std::string& text);

// The error that is set will be raised on this thread as soon as the interpreter goes on, or thrown
// by the next runtime call. If there is one already, that becomes its context.
void raise_later() noexcept;

// The same exception, but apart from the interpreter: PyTorch throws what Python raised while it is
// still the interpreter's error. For what is not thrown on at once.
std::exception_ptr held(const std::exception_ptr& error) noexcept;

// A line of Python code.
struct Line {
  Owned code;
  int number = 0;
};

// Calls `take` with the lines that this thread is at, from the innermost out, until it gives false.
template <typename Take>
void for_each_line(const Take& take) {
  PyFrameObject* frame = PyEval_GetFrame();  // borrowed; none on a thread of C++'s own
  Py_XINCREF(reinterpret_cast<PyObject*>(frame));
  while (frame != nullptr) {
    const Owned owned(reinterpret_cast<PyObject*>(frame));
    Owned code(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
    frame = take(Line{std::move(code), PyFrame_GetLineNumber(frame)}) ? PyFrame_GetBack(frame)
                                                                      : nullptr;
  }
}

// The first of these lines that is the program's own, as the log calls it; "" if none is.
sim::Site name_of_first(const std::vector<Line>& lines) noexcept;

// Whether the interpreter's lock can still be had, and its objects be used.
bool interpreter_is_up();

// In a handler that forgets the present exception. Throws it on if it is one of Python's that no
// program may miss, such as KeyboardInterrupt.
void forget_error();

struct PythonEmbedder final : sim::Embedder {
  void* release() noexcept override;
  void acquire(void* token) noexcept override;
  sim::Site call_site() noexcept override;
  void host_touched(const sim::Touch& touch) noexcept override;
  std::exception_ptr keep(std::exception_ptr error) noexcept override;
  void effects_are_done() noexcept override;
  void throw_what_is_due() override;
  void check_wait(std::uintptr_t thread, const std::string& command) override;
  std::string reason(const std::exception_ptr& error) override;
  [[noreturn]] void raise(const std::string& text,
                          const std::vector<sim::Failure>& failures) override;
  std::string name_of(const char* function) override;
  std::string advice(sim::Advice about, int64_t number) override;
};

// How files are called in the log: names[file] is a str, or None if its lines are not the program's
// own, so that the frame that called it is asked next.
void set_file_names(PyObject* names);

// `waits(thread)`, called with the system's number of a thread that runs effects, says whether an
// effect there waits for the thread that asks.
void set_wait_check(PyObject* waits);

// An effect that calls `callable` without arguments, keeping it alive until then.
sim::Effect python_effect(PyObject* callable);

}  // namespace mtia::backend
