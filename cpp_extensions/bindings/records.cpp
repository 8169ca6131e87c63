#include "records.h"

#include <array>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "../sim/log/layout.h"
#include "../sim/log/log.h"

namespace mtia::bindings {

namespace {

using sim::log::Kind;

// The names that C++ and Python share, of the fields of a record.
template <typename Record>
std::vector<const char*> names_of() {
  std::vector<const char*> names;
  Record{}.fields([&](const char* name, const auto& /*value*/) { names.push_back(name); });
  return names;
}

// Objects that are made once, by number.
class Shared {
 public:
  explicit Shared(size_t size) : made_(size) {}

  template <typename Make>
  Owned get(int64_t number, const Make& make) {
    Owned& made = made_[static_cast<size_t>(number)];
    if (!made) {
      made = make(number);
    }
    return Owned(Py_NewRef(made.get()));
  }

 private:
  std::vector<Owned> made_;
};

// Makes records of Python's from bytes.
class Maker {
 public:
  Maker(const sim::log::Part& part, sim::Time origin, PyObject* schema)
      : part_(part),
        rest_(part.bytes),
        origin_(origin),
        schema_(schema),
        texts_(part.texts.size()),
        tuples_(part.tuples.size()),
        accesses_(part.accesses.size()) {
    find_classes(static_cast<sim::Record*>(nullptr));
  }

  bool is_done() const { return rest_.at_end(); }

  // As the class's own __init__ does it, in a tenth of the time.
  Owned record() {
    const Class& its = classes_[rest_.byte()];
    auto* type = reinterpret_cast<PyTypeObject*>(its.type.get());
    Owned made = or_throw(type->tp_alloc(type, 0));
    for (const Owned& slot : its.slots) {
      const Owned held = value();
      if (Py_TYPE(slot.get())->tp_descr_set(slot.get(), made.get(), held.get()) != 0) {
        backend::throw_error();
      }
    }
    return without_cycles(std::move(made));
  }

 private:
  struct Class {
    Owned type;
    std::vector<Owned> slots;  // in the order of fields()
  };

  template <typename... Records>
  void find_classes(const std::variant<Records...>* /*none*/) {
    (find_class(Records::kClass, names_of<Records>()), ...);
  }

  void find_class(const char* name, const std::vector<const char*>& fields) {
    Class& found = classes_.emplace_back(Class{class_called(name), {}});
    const Owned all = or_throw(PyObject_GetAttrString(found.type.get(), "__slots__"));
    if (PyObject_Size(all.get()) != static_cast<Py_ssize_t>(fields.size())) {
      PyErr_Format(PyExc_TypeError, "a %s has other fields in C++", name);
      backend::throw_error();
    }
    for (const char* field : fields) {
      found.slots.push_back(or_throw(PyObject_GetAttrString(found.type.get(), field)));
    }
  }

  Owned value() {
    switch (rest_.kind()) {
      case Kind::None:
        return none();
      case Kind::Number:
        return number(rest_.number());
      case Kind::Moment:
        return number(rest_.number() - origin_);
      case Kind::Text:
        return texts_.get(rest_.number(), [&](int64_t i) { return to_python(*part_.texts[i]); });
      case Kind::Numbers:
        return tuples_.get(rest_.number(), [&](int64_t i) { return to_python(*part_.tuples[i]); });
      case Kind::Access:
        return accesses_.get(rest_.number(), [&](int64_t i) { return make(*part_.accesses[i]); });
      case Kind::Tuple: {
        const auto size = static_cast<size_t>(rest_.number());
        return without_cycles(tuple(size, [this](size_t) { return value(); }));
      }
      case Kind::Known:
        return known();
      case Kind::Bytes: {
        const std::string_view held = rest_.bytes(static_cast<size_t>(rest_.number()));
        return or_throw(
            PyBytes_FromStringAndSize(held.data(), static_cast<Py_ssize_t>(held.size())));
      }
    }
    return none();
  }

  // A time or an id is most often that of a record just before.
  Owned number(int64_t value) {
    auto& [last, made] = recent_[static_cast<size_t>(value) % recent_.size()];
    if (!made || last != value) {
      last = value;
      made = to_python(value);
    }
    return Owned(Py_NewRef(made.get()));
  }

  Owned known() {
    const Owned fields = or_throw(PyDict_New());
    sim::Known{}.fields([&](const char* name, const auto&) { set(fields, name, value()); });
    return object_of(sim::Known::kClass, fields);
  }

  Owned make(const sim::Access& access) const {
    const Owned fields = or_throw(PyDict_New());
    set(fields, "device", to_python(access.device));
    set(fields, "address", to_python(access.address));
    set(fields, "bytes", to_python(access.bytes));
    if (const sim::Layout* layout = access.layout) {
      set(fields, "dtype", to_python(layout->dtype));
      set(fields, "sizes", to_python(layout->sizes));
      set(fields, "strides", layout->strides.empty() ? none() : to_python(layout->strides));
      set(fields, "itemsize", to_python(layout->itemsize));
    }
    return object_of("Access", fields);
  }

  Owned class_called(const char* name) const {
    return or_throw(PyObject_GetAttrString(schema_, name));
  }
  static void set(const Owned& fields, const char* name, const Owned& value) {
    if (PyDict_SetItemString(fields.get(), name, value.get()) != 0) {
      backend::throw_error();
    }
  }
  Owned object_of(const char* name, const Owned& fields) const {
    const Owned type = class_called(name), no_arguments = or_throw(PyTuple_New(0));
    return without_cycles(or_throw(PyObject_Call(type.get(), no_arguments.get(), fields.get())));
  }
  // What cannot be changed and holds but numbers, texts and the like is in no cycle, which Python's
  // collector would look for again and again.
  static Owned without_cycles(Owned made) {
    PyObject_GC_UnTrack(made.get());
    return made;
  }

  const sim::log::Part& part_;
  sim::log::Reader rest_;
  const sim::Time origin_;
  PyObject* const schema_;
  std::vector<Class> classes_;
  Shared texts_, tuples_, accesses_;
  std::array<std::pair<int64_t, Owned>, 64> recent_{};
};

}  // namespace

Owned read_log(int64_t position, sim::Time origin, PyObject* schema) {
  const sim::log::Part part = sim::log::read(position);
  Maker maker(part, origin, schema);
  Owned list = or_throw(PyList_New(0));
  while (!maker.is_done()) {
    if (PyList_Append(list.get(), maker.record().get()) != 0) {
      backend::throw_error();
    }
  }
  return list;
}

}  // namespace mtia::bindings
