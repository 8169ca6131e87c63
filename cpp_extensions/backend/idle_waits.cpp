#include "idle_waits.h"

#include <torch/csrc/Event.h>
#include <torch/csrc/Stream.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "call_log.h"
#include "python.h"

// The interpreter calls its profiling function when a function written in C is called and returns.
// This one is written in C as well, since Python code would run at each of those moments, and an
// interrupt that comes then is raised where none is expected: within `threading.Condition.wait`,
// for one, which leaves its lock in a state that loses the interrupt.
namespace mtia::backend {
namespace {

struct Watch {
  bool on = true;
  Py_tracefunc profiler = nullptr;  // the one that was there before: it goes on
  Owned profiler_object;
  int64_t calls = 0;  // into the backend, when the wait that is going on began
};

Watch* watch_in(PyObject* capsule) {
  return static_cast<Watch*>(PyCapsule_GetPointer(capsule, nullptr));
}
Watch& watch_of(PyObject* function) { return *watch_in(PyCFunction_GET_SELF(function)); }

// A function that waits for an event: the name of the wait in the log, null of any other.
const char* wait_of(PyObject* function) {
  if (!PyCFunction_Check(function) || PyCFunction_GET_SELF(function) == nullptr) {
    return nullptr;
  }
  const std::string_view name = reinterpret_cast<PyCFunctionObject*>(function)->m_ml->ml_name;
  PyObject* self = PyCFunction_GET_SELF(function);
  const bool of_stream = name == "wait_event" && PyObject_TypeCheck(self, THPStreamClass) != 0;
  const bool of_event =
      (name == "wait" || name == "synchronize") && PyObject_TypeCheck(self, THPEventClass) != 0;
  return of_stream ? "wait_event" : !of_event ? nullptr : name == "wait" ? "wait" : "synchronize";
}

// Which stream waits is known where the wait is a method of its own.
void log_idle(const char* wait, PyObject* self) {
  const auto body = [] { return std::string("waits for nothing"); };
  const std::string never = "an event never recorded";
  if (PyObject_TypeCheck(self, THPStreamClass) != 0) {
    const auto* stream = reinterpret_cast<THPStream*>(self);
    logged(
        "torch", wait, body, never,
        c10::Stream::unpack3(stream->stream_id, static_cast<c10::DeviceIndex>(stream->device_index),
                             static_cast<c10::DeviceType>(stream->device_type)));
  } else {
    logged("torch", wait, body, never);
  }
}

void look(Watch& watch, int event, PyObject* argument) {
  const char* wait = wait_of(argument);
  if (wait == nullptr) {
    return;
  }
  if (event == PyTrace_C_CALL) {
    watch.calls = calls_of_this_thread();
  } else if (event == PyTrace_C_RETURN && watch.calls == calls_of_this_thread()) {
    log_idle(wait, PyCFunction_GET_SELF(argument));
  }
}

int notify(Watch& watch, PyFrameObject* frame, int event, PyObject* argument) {
  if (watch.on && (event == PyTrace_C_CALL || event == PyTrace_C_RETURN)) {
    look(watch, event, argument);
  }
  PyObject* object = watch.profiler_object.get();
  return watch.profiler == nullptr ? 0 : watch.profiler(object, frame, event, argument);
}

void leave(PyObject* self) {
  if (PyThreadState_Get()->c_profileobj == self) {
    const Watch& watch = watch_of(self);
    PyEval_SetProfile(watch.profiler, watch.profiler_object.get());
  }
}

int profile(PyObject* self, PyFrameObject* frame, int event, PyObject* argument) {
  const Owned alive(Py_NewRef(self));  // leaving lets go of it
  Watch& watch = watch_of(self);
  const int result = notify(watch, frame, event, argument);
  if (!watch.on) {
    leave(self);
  }
  return result;
}

// What `sys.getprofile` gives, as a profiler written in Python calls it that goes on with what was
// there before. `sys.setprofile` may be given it again as well: then it takes the hook back.
PyObject* call(PyObject* capsule, PyObject* arguments) {
  constexpr std::string_view kEvents[] = {"call",   "exception",   "line",    "return",
                                          "c_call", "c_exception", "c_return"};
  static_assert(PyTrace_CALL == 0 && PyTrace_RETURN == 3 && PyTrace_C_RETURN == 6);
  PyObject *frame = nullptr, *argument = nullptr;
  const char* name = "";
  if (PyArg_ParseTuple(arguments, "O!sO", &PyFrame_Type, &frame, &name, &argument) == 0) {
    return nullptr;
  }
  const auto* event = std::find(std::begin(kEvents), std::end(kEvents), name);
  if (event != std::end(kEvents) &&
      notify(*watch_in(capsule), reinterpret_cast<PyFrameObject*>(frame),
             static_cast<int>(event - kEvents), argument) != 0) {
    return nullptr;
  }
  const Owned self(Py_XNewRef(PyThreadState_Get()->c_profileobj));
  if (self && PyCFunction_Check(self.get()) && PyCFunction_GET_SELF(self.get()) == capsule) {
    PyEval_SetProfile(profile, self.get());
  }
  Py_RETURN_NONE;
}

PyMethodDef definition = {"watch_idle_waits", call, METH_VARARGS,
                          "Looks for waits that wait for nothing, in a block of the sanitizer."};

void destroy(PyObject* capsule) { delete watch_in(capsule); }

}  // namespace

PyObject* watch_idle_waits() {
  const PyThreadState* thread = PyThreadState_Get();
  if (thread->c_profilefunc == profile) {
    Py_RETURN_NONE;  // a block within another one: they see each other's calls
  }
  auto watch = std::make_unique<Watch>();
  watch->profiler = thread->c_profilefunc;
  watch->profiler_object.reset(Py_XNewRef(thread->c_profileobj));
  const Owned capsule = or_throw(PyCapsule_New(watch.get(), nullptr, destroy));
  watch.release();
  Owned self = or_throw(PyCFunction_New(&definition, capsule.get()));
  PyEval_SetProfile(profile, self.get());
  return self.release();
}

void unwatch_idle_waits(PyObject* watch) {
  if (watch != Py_None) {
    watch_of(watch).on = false;
    leave(watch);  // on another thread than its own, it leaves when it is next called
  }
}

}  // namespace mtia::backend
