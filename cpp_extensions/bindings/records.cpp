#include "records.h"

#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "../sim/log/layout.h"
#include "../sim/log/log.h"

namespace mtia::bindings {

namespace {

// Makes objects from fields. What many records have in common, such as names, is one object.
class Maker {
 public:
  Maker(sim::Time origin, PyObject* classes) : origin_(origin), classes_(classes) {}

  Owned operator()(const sim::Record& record) {
    constexpr size_t kFirst = 2;
    auto* type = class_at(kFirst + record.index());
    return std::visit(
        [&](const auto& held) {
          return held.fields([&](const auto&... values) {
            Owned fields[] = {make(values)...};
            return make_frozen(type, fields);
          });
        },
        record);
  }

 private:
  PyTypeObject* class_at(size_t i) const {
    return reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(classes_, static_cast<Py_ssize_t>(i)));
  }

  // As the class's own __init__ does it, in a tenth of the time.
  template <size_t kFields>
  Owned make_frozen(PyTypeObject* type, Owned (&fields)[kFields]) {
    Owned& names = names_[type];
    if (!names) {
      names = or_throw(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__match_args__"));
    }
    Owned made = or_throw(type->tp_new(type, no_arguments_.get(), nullptr));
    for (size_t i = 0; i < kFields; ++i) {
      PyObject* name = PyTuple_GetItem(names.get(), static_cast<Py_ssize_t>(i));
      if (name == nullptr || PyObject_GenericSetAttr(made.get(), name, fields[i].get()) != 0) {
        backend::throw_error();
      }
    }
    return made;
  }

  template <typename... Fields>
  Owned make_tuple(PyTypeObject* type, Fields... fields) {
    PyObject* values[] = {fields.get()...};
    return or_throw(
        PyObject_Vectorcall(reinterpret_cast<PyObject*>(type), values, sizeof...(fields), nullptr));
  }

  template <typename T>
  Owned make(const T& value) {
    return to_python(value);
  }
  Owned make(sim::At at) {
    if (!time_ || at.time != at_) {  // most calls take no time, and one follows the other
      at_ = at.time;
      time_ = to_python(at_ - origin_);
    }
    return Owned(Py_NewRef(time_.get()));
  }
  Owned make(const std::string& text) { return shared(text); }
  Owned make(const char* text) { return text == nullptr ? none() : shared(text); }
  Owned make(const sim::Bytes& bytes) {
    const auto size = static_cast<Py_ssize_t>(bytes.held.size());
    return or_throw(PyBytes_FromStringAndSize(bytes.held.data(), size));
  }
  template <typename T>
  Owned make(const sim::Unless<T>& value) {
    return value.value == value.none ? none() : make(value.value);
  }
  template <typename T>
  Owned make(const std::optional<T>& value) {
    return value ? make(*value) : none();
  }
  Owned make(const std::vector<int64_t>& values) {  // as states, there are few
    Owned& known = tuples_[values];
    if (!known) {
      known = to_python(values);
    }
    return Owned(Py_NewRef(known.get()));
  }
  template <typename T>
  Owned make(const std::vector<T>& values) {
    return tuple(values.size(), [&](size_t i) { return make(values[i]); });
  }
  Owned make(sim::StreamRef stream) { return make(std::vector<int64_t>{stream.device, stream.id}); }
  Owned make(const sim::Wait& wait) {
    const int64_t values[] = {wait.from - origin_, wait.to - origin_};
    return tuple(2, [&](size_t i) { return to_python(values[i]); });
  }
  Owned make(const sim::Known& known) {
    return known.fields(
        [&](const auto&... values) { return make_tuple(class_at(1), make(values)...); });
  }
  Owned make(const sim::Used& used) {
    std::vector<const sim::Access*> accesses;
    for (const sim::Access& access : used.accesses) {
      if (access.write == used.write) {
        accesses.push_back(&access);
      }
    }
    return tuple(accesses.size(), [&](size_t i) { return make(*accesses[i]); });
  }
  Owned make(const sim::Access& access) {
    Owned& known =
        accesses_[std::tuple(access.device, access.address, access.bytes, access.layout)];
    if (!known) {
      known = make_access(access);
    }
    return Owned(Py_NewRef(known.get()));
  }
  Owned make_access(const sim::Access& access) {
    if (access.layout == nullptr) {
      return make_tuple(class_at(0), to_python(access.device), to_python(access.address),
                        to_python(access.bytes));
    }
    const sim::Layout& layout = *access.layout;
    return make_tuple(class_at(0), to_python(access.device), to_python(access.address),
                      to_python(access.bytes), shared(layout.dtype), to_python(layout.sizes),
                      layout.strides.empty() ? none() : to_python(layout.strides),
                      to_python(layout.itemsize));
  }

  Owned shared(std::string_view text) {
    Owned& known = texts_[text];
    if (!known) {
      known = to_python(std::string(text));
    }
    return Owned(Py_NewRef(known.get()));
  }

  const sim::Time origin_;
  PyObject* const classes_;
  const Owned no_arguments_ = or_throw(PyTuple_New(0));
  sim::Time at_ = 0;
  Owned time_;  // that moment
  std::unordered_map<PyTypeObject*, Owned> names_;
  std::map<std::vector<int64_t>, Owned> tuples_;
  std::unordered_map<std::string_view, Owned> texts_;
  std::map<std::tuple<int, int64_t, int64_t, const sim::Layout*>, Owned> accesses_;
};

}  // namespace

Owned read_log(int64_t position, sim::Time origin, PyObject* classes) {
  const sim::log::Part part = sim::log::read(position);
  Maker make(origin, classes);
  Owned list = or_throw(PyList_New(0));
  for (const sim::Record* record : part.records) {
    if (PyList_Append(list.get(), make(*record).get()) != 0) {
      backend::throw_error();
    }
  }
  return list;
}

}  // namespace mtia::bindings
