#include "bindings.h"

#include <torch/csrc/utils/device_lazy_init.h>

#include "../aten/collective.h"
#include "../aten/host_operators.h"
#include "../aten/plan.h"
#include "../aten/ranges.h"
#include "../backend/call_log.h"
#include "../backend/hooks.h"
#include "../backend/idle_waits.h"
#include "../backend/python_error.h"
#include "../sim/host_thread.h"
#include "../sim/log/log.h"
#include "../sim/memory/addresses.h"
#include "../sim/memory/allocator.h"
#include "../sim/memory/history.h"
#include "../sim/memory/protection.h"
#include "../sim/runtime.h"
#include "../sim/streams.h"
#include "records.h"

namespace mtia::bindings {

namespace {

// Without the interpreter lock, since it may wait, or run other threads' effects.
template <typename Act>
Owned run(const Act& act) {
  const WithoutGil without;
  act();
  return nullptr;
}

sim::StreamRef stream(const Arguments& given, size_t i) {  // and i + 1
  return {static_cast<int>(given.integer(i)), given.integer(i + 1)};
}

Owned initialize(const Arguments& given) {
  static auto* const python = new backend::PythonEmbedder;
  sim::set_embedder(*python);
  sim::set_device_count(static_cast<int>(given.integer(0)));
  return nullptr;
}

Owned configure(const Arguments& given) {
  sim::Profile profile;
  PyObject *name = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(given.object(1), &at, &name, &value) != 0;) {
    profile.set(to_text(name), to_integer(value));
  }
  return run([&, schedule = given.text(0)] { sim::configure(schedule, profile); });
}

Owned launch(const Arguments& given) {
  const std::string name = given.text(0);
  const sim::Time duration = given.integer(1);
  sim::Effect effect;
  if (given.object(2) != Py_None) {
    effect = backend::python_effect(given.object(2));
  }
  return run([&] {
    torch::utils::device_lazy_init(c10::DeviceType::MTIA);  // as PyTorch's own calls
    const auto enqueue = [&] { sim::launch(name, duration, std::move(effect)); };
    backend::logged("lab", "launch", enqueue, name);
  });
}

Owned collective(const Arguments& given) {
  const std::string name = given.text(0);
  const sim::StreamRef on = stream(given, 1);
  const std::vector<at::Tensor> reads = given.tensors(3), writes = given.tensors(4);
  const bool chained = given.flag(5);
  const sim::Effect effect = backend::python_effect(given.object(6));
  std::vector<at::Tensor> copies;
  run([&] { copies = aten::collective(name, on, reads, writes, chained, effect); });
  return to_python(copies);
}

Owned deliver(const Arguments& given) {
  return run([arrived = given.tensors(0), tensors = given.tensors(1)] {
    aten::deliver(arrived, tensors);
  });
}

Owned join(const Arguments& given) {
  return run([name = given.text(0), device = given.integer(1), event = given.integer(2)] {
    aten::join(name, static_cast<int>(device), event);
  });
}

// Of each segment and each block that is allocated: (action, device, stream, offset, bytes).
Owned memory_now() {
  const Owned list = or_throw(PyList_New(0));
  const auto add = [&](const char* action, sim::StreamRef stream, uintptr_t address, size_t bytes) {
    const int64_t offset = sim::offset_of(reinterpret_cast<void*>(address));
    const Owned row =
        or_throw(Py_BuildValue("(siLLn)", action, stream.device, static_cast<long long>(stream.id),
                               static_cast<long long>(offset), static_cast<Py_ssize_t>(bytes)));
    if (PyList_Append(list.get(), row.get()) != 0) {
      backend::throw_error();
    }
  };
  for (const sim::SegmentView& segment : sim::memory_snapshot().segments) {
    add("segment_alloc", segment.stream, segment.address, segment.bytes);
    for (const sim::BlockView& block : segment.blocks) {
      if (block.allocated) {
        add("alloc", segment.stream, block.address, block.bytes);
      }
    }
  }
  return Owned(Py_NewRef(list.get()));
}

// A fork's child may not be told what happens on a device that is the parent's.
Owned host_clock() {
  sim::check_open();
  return to_python(sim::clock_now());
}

Owned state() {
  sim::check_open();
  return to_python(backend::thread_state());
}

Owned record_begin(const Arguments& given) {
  const int64_t position = sim::log::begin(given.flag(0), given.flag(1));
  aten::watch_host();
  aten::watch_ranges();
  return to_python(position);
}

Owned record_end(const Arguments& given) {
  sim::log::end(given.flag(0), given.flag(1));
  aten::watch_host();
  aten::watch_ranges();
  return nullptr;
}

const Binding kBindings[] = {
    // Set-up
    {"initialize", 1, initialize},  // the number of devices; and give the simulator its embedder
    {"latched", 0, [](const Arguments&) { return to_python(backend::process_is_latched()); }},
    {"shut", 1,  // load() refused this process, with these words: so does all else from now on
     [](const Arguments& given) { return run([why = given.text(0)] { sim::shut(why); }); }},
    {"configure", 2, configure},  // schedule, {cost: value}
    {"schedule", 0, [](const Arguments&) { return to_python(sim::schedule_name()); }},
    {"set_poison", 1,
     [](const Arguments& given) { return run([on = given.flag(0)] { sim::set_poison(on); }); }},
    {"set_protection", 1,
     [](const Arguments& given) { return run([on = given.flag(0)] { sim::set_protection(on); }); }},
    {"protects", 0, [](const Arguments&) { return to_python(sim::protects()); }},
    {"finish", 0, [](const Arguments&) { return run(sim::finish); }},  // the program ends

    // Work
    {"launch", 3, launch},  // name, nanoseconds, effect or None
    {"run_on_demand", 2,    // device, stream
     [](const Arguments& given) {
       return run([on = stream(given, 0)] { sim::run_on_demand(on); });
     }},
    {"collective", 7, collective},  // name, device, stream, reads, writes, chained, effect
    {"deliver", 2, deliver},        // what arrived, tensors that are to hold it
    {"join", 3, join},              // name, device, event

    // State
    {"plan_counts", 0,  // plans of operators: kept, and made so far
     [](const Arguments&) {
       const auto [kept, made] = aten::plan_counts();
       return to_python(std::vector<int64_t>{kept, made});
     }},
    {"host_clock", 0, [](const Arguments&) { return host_clock(); }},  // virtual nanoseconds
    {"state", 0,  // this thread's device, then its current stream of each device
     [](const Arguments&) { return state(); }},
    {"thread", 0,  // this thread's logical number
     [](const Arguments&) { return to_python(sim::this_thread().number); }},
    {"stream_priority", 2,  // device, stream
     [](const Arguments& given) { return to_python(sim::stream_priority(stream(given, 0))); }},
    {"memory_now", 0, [](const Arguments&) { return memory_now(); }},

    // The log
    {"name_files", 1,  // a mapping: file -> name to show, or None to pass over
     [](const Arguments& given) {
       backend::set_file_names(given.object(0));
       return Owned();
     }},
    {"check_waits", 1,  // a function: thread -> whether it waits for this one
     [](const Arguments& given) {
       backend::set_wait_check(given.object(0));
       return Owned();
     }},
    // Waits of this thread for events never recorded: what begins it gives what ends it.
    {"watch_idle_waits", 0, [](const Arguments&) { return Owned(backend::watch_idle_waits()); }},
    {"unwatch_idle_waits", 1,
     [](const Arguments& given) {
       backend::unwatch_idle_waits(given.object(0));
       return Owned();
     }},
    {"note_host_read", 2,  // what looks at a tensor's elements, the tensor
     [](const Arguments& given) {
       aten::note_host_read(given.text(0), given.tensor(1));
       return Owned();
     }},
    {"record_begin", 2, record_begin},  // the host's doings too, values too; gives a position
    {"record_read", 3,                  // position, origin, schema: see read_log
     [](const Arguments& given) {
       return read_log(given.integer(0), given.integer(1), given.object(2));
     }},
    {"record_end", 2, record_end},  // as record_begin
};

PyObject* call(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  const auto& binding = *static_cast<const Binding*>(PyCapsule_GetPointer(self, nullptr));
  if (count != binding.arguments) {
    return PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", binding.name,
                        binding.arguments, count);
  }
  try {
    Owned result = binding.body(Arguments(values));
    return result ? result.release() : none().release();
  } catch (...) {
    torch::translate_exception_to_python(std::current_exception());
    return nullptr;
  }
}

int add_functions(PyObject* module) {
  for (const Binding& binding : kBindings) {
    auto* body = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call));
    auto* definition = new PyMethodDef{binding.name, body, METH_FASTCALL, nullptr};  // for ever
    const Owned self(PyCapsule_New(const_cast<Binding*>(&binding), nullptr, nullptr));
    const Owned function(self ? PyCFunction_New(definition, self.get()) : nullptr);
    if (!function || PyModule_AddObjectRef(module, binding.name, function.get()) != 0) {
      return -1;
    }
  }
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(add_functions)}, {0, nullptr}};
PyModuleDef definition_of_module = {
    PyModuleDef_HEAD_INIT, "bindings", nullptr, 0, nullptr, slots, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace mtia::bindings

PyMODINIT_FUNC PyInit_bindings() { return PyModuleDef_Init(&mtia::bindings::definition_of_module); }
