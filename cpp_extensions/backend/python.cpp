#include "python.h"

#include <string_view>
#include <typeinfo>
#include <utility>

#include "../sim/text.h"
#include "../sim/types.h"
#include "clean_thread.h"
#include "python_error.h"
#include "touches.h"
#include "words.h"

namespace mtia::backend {

namespace {

#if PY_VERSION_HEX >= 0x030D0000
bool finalizing() { return Py_IsFinalizing() != 0; }
#else
bool finalizing() { return _Py_IsFinalizing() != 0; }
#endif

// The error that is set, as one object; none is set then.
Owned take_error() {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Owned owned[] = {Owned(type), Owned(traceback)};
  if (traceback != nullptr) {
    PyException_SetTraceback(value, traceback);
  }
  return Owned(value);
}

void set_error(Owned error) {
  PyObject* type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(error.get())));
  PyObject* traceback = PyException_GetTraceback(error.get());
  PyErr_Restore(type, error.release(), traceback);
}

// Deallocation may run with an error on its way: calling Python must not lose it.
class KeepError {
 public:
  KeepError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~KeepError() { PyErr_Restore(type_, value_, traceback_); }
  KeepError(const KeepError&) = delete;
  KeepError& operator=(const KeepError&) = delete;

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *traceback_ = nullptr;
};

// Raised on this thread where nothing may be thrown: to be raised when something may.
thread_local PyObject* due = nullptr;

int raise_what_is_due(void* = nullptr) {
  if (due == nullptr) {
    return 0;
  }
  set_error(Owned(std::exchange(due, nullptr)));
  return -1;
}

// The interpreter raises it between two steps of the main thread, as it does for signals. Other
// threads meet it at their next runtime call; the main one too, if too much is pending.
void raise_soon() noexcept { static_cast<void>(Py_AddPendingCall(raise_what_is_due, nullptr)); }

// What is due already becomes the first in the chain of contexts of the error that is set.
void note_as_due() noexcept {
  const Owned before(std::exchange(due, nullptr));
  due = take_error().release();
  for (PyObject* last = due; before && last != nullptr && last != before.get();) {
    const Owned context(PyException_GetContext(last));  // the chain keeps it
    if (!context) {
      PyException_SetContext(last, Py_NewRef(before.get()));
    }
    last = context.get();
  }
}

Owned to_utf8(PyObject* text) {
  return Owned(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
}

// An object in words. If its own __str__ fails it is as in Python's tracebacks, and that failure
// goes where Python sends those of destructors, unless it is an interrupt.
std::string text_of(PyObject* object) {
  if (PyErr_CheckSignals() != 0) {
    raise_later();  // str() looks as well, and what a handler raises is no fault of the object
  }
  const Owned text(PyObject_Str(object));
  if (const Owned bytes = text ? to_utf8(text.get()) : nullptr) {
    return PyBytes_AS_STRING(bytes.get());
  }
  if (PyErr_ExceptionMatches(PyExc_Exception)) {
    PyErr_WriteUnraisable(reinterpret_cast<PyObject*>(Py_TYPE(object)));
  } else {
    raise_later();
  }
  return "<exception str() failed>";
}

// "ZeroDivisionError: division by zero"
std::string describe(PyObject* error) {
  const std::string message = text_of(error);
  return Py_TYPE(error)->tp_name + (message.empty() ? "" : ": " + message);
}

[[noreturn]] void throw_object(Owned error, std::string text) {
  python_error thrown;
  thrown.type = Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(error.get())));
  thrown.traceback = PyException_GetTraceback(error.get());
  thrown.value = error.release();
  thrown.message = std::move(text);
  throw thrown;
}

bool is_of_python(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const python_error&) {
    return true;
  } catch (const std::exception& known) {  // of pybind11 by name: see python_error.h
    return typeid(known).name() == std::string_view("N8pybind1117error_already_setE");
  } catch (...) {
    return false;
  }
}

bool is_interrupt(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const python_error& held) {
    WithGil gil;
    return !PyErr_GivenExceptionMatches(held.type, PyExc_Exception);
  } catch (...) {
    return false;
  }
}

// What an exception of C++ is to Python. One of Python's own may still be the interpreter's error.
Owned to_python(const std::exception_ptr& error) {
  torch::translate_exception_to_python(error);
  return take_error();
}

// One object that stands for all, as a new reference; null if there are none.
PyObject* cause_of(PyObject* errors) {
  if (PyList_GET_SIZE(errors) > 1) {
    const char* said = "several kernels failed";
    return or_throw(PyObject_CallFunction(PyExc_BaseExceptionGroup, "sO", said, errors)).release();
  }
  return PyList_GET_SIZE(errors) == 1 ? Py_NewRef(PyList_GET_ITEM(errors, 0)) : nullptr;
}

// As error.add_note(text) does to the error that is set.
void note_on_error(const std::string& text) {
  Owned error = take_error();
  const Owned noted(PyObject_CallMethod(error.get(), "add_note", "s", text.c_str()));
  if (!noted) {
    raise_later();
  }
  set_error(std::move(error));
}

PyObject* file_names = nullptr;  // guarded by the interpreter lock
PyObject* wait_check = nullptr;  // likewise

void replace(PyObject*& ours, PyObject* by) {
  WithGil gil;
  Py_XDECREF(std::exchange(ours, Py_NewRef(by)));
}

// A line as "train.py:12" or "In[3]:4"; "" in a file to pass over.
std::string name_of_line(const Line& line) {
  const Owned file(PyObject_GetAttrString(line.code.get(), "co_filename"));
  // Asked twice: an interrupt that happens to come here is no reason to go without a name.
  for (int attempt = 0; attempt < 2 && file_names != nullptr; ++attempt) {
    const Owned found(PyObject_GetItem(file_names, file.get()));
    if (found.get() == Py_None) {
      return "";
    }
    if (found) {
      const bool is_cell = PyTuple_Check(found.get());  // and how many lines are above its code
      const long above = is_cell ? PyLong_AsLong(PyTuple_GET_ITEM(found.get(), 1)) : 0;
      const Owned name = to_utf8(is_cell ? PyTuple_GET_ITEM(found.get(), 0) : found.get());
      if (name) {
        return std::string(PyBytes_AS_STRING(name.get())) + ":" +
               std::to_string(line.number + above);
      }
    }
    note_as_due();  // not to be raised yet: the next attempt runs Python code as well
  }
  return "";
}

// What `name` gives, which calls Python, whatever is on its way on this thread.
template <typename Name>
sim::Site undisturbed(const Name& name) {
  WithGil gil;
  const KeepError keep;
  const PyObject* before = due;
  sim::Site site = name();
  if (due != before) {
    raise_soon();
  }
  return site;
}
}  // namespace

// Once the interpreter is on its way out its lock may never be granted again.
bool interpreter_is_up() { return Py_IsInitialized() != 0 && !finalizing(); }

Owned or_throw(PyObject* result) {
  if (result == nullptr) {
    throw_error();
  }
  return Owned(result);
}

void throw_error() {
  Owned error = take_error();
  std::string text = describe(error.get());
  throw_object(std::move(error), std::move(text));
}

void throw_error_as(const std::string& text) {
  if (!PyErr_ExceptionMatches(PyExc_Exception)) {
    throw_error();
  }
  Owned cause = take_error();
  const std::string whole = text + ": " + describe(cause.get());
  Owned error = or_throw(PyObject_CallFunction(PyExc_RuntimeError, "s", whole.c_str()));
  PyException_SetCause(error.get(), cause.release());
  throw_object(std::move(error), whole);
}

void raise_later() noexcept {
  note_as_due();
  raise_soon();
}

std::exception_ptr held(const std::exception_ptr& error) noexcept {
  if (!interpreter_is_up() || !is_of_python(error)) {
    return error;
  }
  WithGil gil;
  try {
    set_error(to_python(error));
    throw_error();
  } catch (...) {
    return std::current_exception();
  }
}

void forget_error() {
  const std::exception_ptr error = held(std::current_exception());
  if (is_interrupt(error)) {
    std::rethrow_exception(error);
  }
}

void* PythonEmbedder::release() noexcept {
  return interpreter_is_up() && PyGILState_Check() ? PyEval_SaveThread() : nullptr;
}

void PythonEmbedder::acquire(void* token) noexcept {
  if (token != nullptr) {
    PyEval_RestoreThread(static_cast<PyThreadState*>(token));
  }
}

sim::Site PythonEmbedder::call_site() noexcept {
  if (!interpreter_is_up()) {
    return {};
  }
  return undisturbed([] {
    std::string name;
    for_each_line([&](const Line& line) {
      name = name_of_line(line);
      return name.empty();
    });
    return name;
  });
}

sim::Site name_of_first(const std::vector<Line>& lines) noexcept {
  return undisturbed([&] {
    std::string name;
    for (auto line = lines.begin(); line != lines.end() && name.empty(); ++line) {
      name = name_of_line(*line);
    }
    return name;
  });
}

void PythonEmbedder::host_touched(const sim::Touch& touch) noexcept { keep_touch(touch); }

std::exception_ptr PythonEmbedder::keep(std::exception_ptr thrown) noexcept {
  std::exception_ptr error = held(thrown);
  if (!is_interrupt(error)) {
    return error;
  }
  WithGil gil;
  set_error(to_python(error));
  note_as_due();  // the effects that come next are not to be hit by it
  return nullptr;
}

void PythonEmbedder::effects_are_done() noexcept {
  if (due != nullptr) {
    raise_soon();
  }
  raise_touch_soon();
}

void PythonEmbedder::throw_what_is_due() {
  if (due != nullptr && interpreter_is_up()) {
    WithGil gil;
    raise_what_is_due();
    throw_error();
  }
  throw_touch();
}

void PythonEmbedder::check_wait(std::uintptr_t thread, const std::string& command) {
  if (!interpreter_is_up()) {
    return;
  }
  WithGil gil;
  if (PyErr_CheckSignals() != 0) {
    note_on_error("It came while this thread waited for another one to run the effect of " +
                  sim::in_quotes(command) + " on the device.");
    throw_error();
  }
  if (wait_check == nullptr || PyEval_GetFrame() == nullptr) {
    return;
  }
  const auto number = static_cast<unsigned long long>(thread);
  const Owned waits = or_throw(PyObject_CallFunction(wait_check, "K", number));
  if (waits.get() == Py_True) {
    throw sim::Error("this thread may not use the device now: the effect of " +
                     sim::in_quotes(command) +
                     " waits for this thread to end, and the device's queues wait for that "
                     "effect, so that neither would ever go on. Do not wait in an effect for a "
                     "thread that uses the device; wait after a synchronization instead");
  }
}

std::string PythonEmbedder::reason(const std::exception_ptr& error) {
  if (!interpreter_is_up()) {
    return Embedder::reason(error);
  }
  WithGil gil;
  const Owned object = to_python(error);
  return is_of_python(error) ? describe(object.get()) : text_of(object.get());
}

// Of the type that the operator raises on the CPU. What Python code raised becomes the cause.
void PythonEmbedder::raise(const std::string& text, const std::vector<sim::Failure>& failures) {
  if (!interpreter_is_up()) {
    Embedder::raise(text, failures);
  }
  WithGil gil;
  PyObject* type = nullptr;
  const Owned causes = or_throw(PyList_New(0));
  for (const sim::Failure& failure : failures) {
    const Owned error = to_python(failure.error);
    const bool of_python = is_of_python(failure.error);
    PyObject* own =
        of_python ? PyExc_RuntimeError : reinterpret_cast<PyObject*>(Py_TYPE(error.get()));
    type = type == nullptr || type == own ? own : PyExc_RuntimeError;
    if (of_python && PyList_Append(causes.get(), error.get()) != 0) {
      throw_error();
    }
  }
  const auto size = static_cast<Py_ssize_t>(text.size());
  const Owned words = or_throw(PyUnicode_DecodeUTF8(text.data(), size, "replace"));
  Owned error = or_throw(PyObject_CallOneArg(type, words.get()));
  PyException_SetCause(error.get(), cause_of(causes.get()));
  throw_object(std::move(error), text);
}

std::string PythonEmbedder::name_of(const char* function) { return backend::name_of(function); }

std::string PythonEmbedder::advice(sim::Advice about, int64_t number) {
  return backend::advice(about, number);
}

void set_file_names(PyObject* names) { replace(file_names, names); }
void set_wait_check(PyObject* waits) { replace(wait_check, waits); }

sim::Effect python_effect(PyObject* callable) {
  WithGil gil;
  std::shared_ptr<PyObject> shared(Py_NewRef(callable), [](PyObject* object) {
    if (interpreter_is_up()) {
      WithGil gil;
      Py_DECREF(object);
    }
  });
  return [shared] {
    const CleanThread clean;
    WithGil gil;
    or_throw(PyObject_CallNoArgs(shared.get()));
  };
}

}  // namespace mtia::backend
