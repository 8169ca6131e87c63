#include "idle_waits.h"

#include <torch/csrc/Event.h>
#include <torch/csrc/Stream.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "python.h"
#include "trace.h"

// The interpreter tells its profiling function when a function written in C is called and returns.
// This one is written in C as well, since Python code would run at each of those moments, and an
// interrupt that comes then is raised where nobody expects one: within `threading.Condition.wait`,
// for one, which leaves its lock in a state that loses the interrupt.
namespace mtia::backend {
namespace {

struct Watch {
  bool on = true;
  Py_tracefunc profiler = nullptr;  // the one that was there before: it goes on
  Owned profiler_object;
  int64_t calls = 0;  // into the backend, when the wait that is going on began
};

Watch& watch_of(PyObject* function) {
  PyObject* capsule = PyCFunction_GET_SELF(function);
  return *static_cast<Watch*>(PyCapsule_GetPointer(capsule, nullptr));
}

bool is_wait(PyObject* function) {
  if (!PyCFunction_Check(function)) {
    return false;
  }
  const char* name = reinterpret_cast<PyCFunctionObject*>(function)->m_ml->ml_name;
  PyTypeObject* owner = std::strcmp(name, "wait_event") == 0 ? THPStreamClass
                        : std::strcmp(name, "wait") == 0     ? THPEventClass
                                                             : nullptr;
  PyObject* self = PyCFunction_GET_SELF(function);
  return owner != nullptr && self != nullptr && PyObject_TypeCheck(self, owner) != 0;
}

void look(Watch& watch, int event, PyObject* argument) {
  if (!is_wait(argument)) {
    return;
  }
  if (event == PyTrace_C_CALL) {
    watch.calls = calls_of_this_thread();
  } else if (event == PyTrace_C_RETURN && watch.calls == calls_of_this_thread()) {
    traced(
        "torch", "wait_event", [] { return std::string("waits for nothing"); },
        std::string("an event never recorded"));
  }
}

int profile(PyObject* self, PyFrameObject* frame, int event, PyObject* argument);

bool is_profiling(PyObject* self) { return PyThreadState_Get()->c_profileobj == self; }

void leave(PyObject* self) {
  if (is_profiling(self)) {
    const Watch& watch = watch_of(self);
    PyEval_SetProfile(watch.profiler, watch.profiler_object.get());
  }
}

int profile(PyObject* self, PyFrameObject* frame, int event, PyObject* argument) {
  const Owned alive(Py_NewRef(self));  // leaving lets go of it
  Watch& watch = watch_of(self);
  if (watch.on && (event == PyTrace_C_CALL || event == PyTrace_C_RETURN)) {
    look(watch, event, argument);
  }
  const Py_tracefunc next = watch.profiler;
  PyObject* object = watch.profiler_object.get();
  if (!watch.on) {
    leave(self);
  }
  return next == nullptr ? 0 : next(object, frame, event, argument);
}

// What `sys.getprofile` gives may be handed to `sys.setprofile` again, which calls it from Python.
PyObject* resume(PyObject* capsule, PyObject* /*event*/) {
  const auto& watch = *static_cast<Watch*>(PyCapsule_GetPointer(capsule, nullptr));
  if (PyObject* self = PyThreadState_Get()->c_profileobj; watch.on && self != nullptr) {
    PyEval_SetProfile(profile, Owned(Py_NewRef(self)).get());
  }
  Py_RETURN_NONE;
}

PyMethodDef definition = {"watch_idle_waits", resume, METH_VARARGS,
                          "Looks for waits that wait for nothing, in a block of the sanitizer."};

void destroy(PyObject* capsule) {
  delete static_cast<Watch*>(PyCapsule_GetPointer(capsule, nullptr));
}

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
  const Owned owned(watch);
  if (watch != Py_None) {
    watch_of(watch).on = false;
    leave(watch);  // on another thread than its own, it leaves when it is next called
  }
}

}  // namespace mtia::backend
