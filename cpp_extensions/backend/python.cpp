#include "python.h"

#include <stdexcept>
#include <utility>

#include "clean_thread.h"

namespace mtia::backend {

namespace {

#if PY_VERSION_HEX >= 0x030D0000
bool finalizing() { return Py_IsFinalizing() != 0; }
#else
bool finalizing() { return _Py_IsFinalizing() != 0; }
#endif

// Once the interpreter is on its way out its lock may never be granted again.
bool interpreter_is_up() { return Py_IsInitialized() != 0 && !finalizing(); }

std::string text_of(PyObject* object) {
  Owned text(object == nullptr ? nullptr : PyObject_Str(object));
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  PyErr_Clear();
  return utf8 == nullptr ? "" : utf8;
}

// Deallocation may run with an exception on its way: calling Python must not lose it.
class KeepError {
 public:
  KeepError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~KeepError() { PyErr_Restore(type_, value_, traceback_); }
  KeepError(const KeepError&) = delete;
  KeepError& operator=(const KeepError&) = delete;

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *traceback_ = nullptr;
};

PyObject* file_namer = nullptr;  // guarded by the interpreter lock

std::string name_of_file(PyFrameObject* frame) {
  Owned code(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  Owned file(PyObject_GetAttrString(code.get(), "co_filename"));
  Owned name(file_namer == nullptr ? nullptr
                                   : PyObject_CallFunctionObjArgs(file_namer, file.get(), nullptr));
  return name.get() == Py_None ? "" : text_of(name.get());
}

}  // namespace

std::string take_error() {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Owned owned[] = {Owned(type), Owned(value), Owned(traceback)};
  const std::string name = reinterpret_cast<PyTypeObject*>(type)->tp_name;
  const std::string message = text_of(value);
  return message.empty() ? name : name + ": " + message;
}

void* PythonHost::release() noexcept {
  return interpreter_is_up() && PyGILState_Check() ? PyEval_SaveThread() : nullptr;
}

void PythonHost::acquire(void* token) noexcept {
  if (token != nullptr) {
    PyEval_RestoreThread(static_cast<PyThreadState*>(token));
  }
}

sim::Site PythonHost::call_site() noexcept {
  if (!interpreter_is_up()) {
    return {};
  }
  WithGil gil;
  KeepError keep;
  PyFrameObject* frame = PyEval_GetFrame();  // borrowed; none on a thread of C++'s own
  Py_XINCREF(reinterpret_cast<PyObject*>(frame));
  while (frame != nullptr) {
    Owned owned(reinterpret_cast<PyObject*>(frame));
    const std::string file = name_of_file(frame);
    if (!file.empty()) {
      return file + ":" + std::to_string(PyFrame_GetLineNumber(frame));
    }
    frame = PyFrame_GetBack(frame);
  }
  return {};
}

void set_file_namer(PyObject* namer) {
  WithGil gil;
  Py_INCREF(namer);
  Py_XDECREF(std::exchange(file_namer, namer));
}

void ensure_file_namer() {
  WithGil gil;
  Owned module(PyImport_ImportModule("mtia_lab.recording"));
  Owned done(module ? PyObject_CallMethod(module.get(), "name_lines", nullptr) : nullptr);
  if (!done) {
    throw std::runtime_error("cannot name the lines of the program: " + take_error());
  }
}

sim::Effect python_effect(PyObject* callable) {
  WithGil gil;
  Py_INCREF(callable);
  std::shared_ptr<PyObject> shared(callable, [](PyObject* object) {
    if (interpreter_is_up()) {
      WithGil gil;
      Py_DECREF(object);
    }
  });
  return [shared] {
    const CleanThread clean;
    WithGil gil;
    Owned result(PyObject_CallNoArgs(shared.get()));
    if (!result) {
      throw std::runtime_error(take_error());
    }
  };
}

}  // namespace mtia::backend
