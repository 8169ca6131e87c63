#include "bindings.h"

#include <torch/csrc/utils/device_lazy_init.h>

#include "../aten/collective.h"
#include "../aten/host_operators.h"
#include "../aten/plan.h"
#include "../backend/call_log.h"
#include "../backend/hooks.h"
#include "../backend/idle_waits.h"
#include "../backend/python.h"
#include "../sim/host_thread.h"
#include "../sim/memory/addresses.h"
#include "../sim/memory/allocator.h"
#include "../sim/memory/history.h"
#include "../sim/runtime.h"
#include "boxed.h"

namespace mtia::bindings {

namespace {
using c10::IValue;
const IValue kNothing;

// Python passes objects by id(), which is their address, and keeps them alive during the call.
PyObject* object(int64_t id) { return reinterpret_cast<PyObject*>(id); }

void initialize(int64_t devices) {
  static auto* const python = new backend::PythonEmbedder;
  sim::set_embedder(*python);
  sim::set_device_count(static_cast<int>(devices));
}

void configure(const std::string& schedule, const std::vector<std::string>& names,
               const std::vector<int64_t>& values) {
  sim::Profile profile;
  for (size_t i = 0; i < names.size(); ++i) {
    profile.set(names[i], values.at(i));
  }
  sim::configure(schedule, profile);
}

void launch(const std::string& name, int64_t nanoseconds, PyObject* callable) {
  torch::utils::device_lazy_init(c10::DeviceType::MTIA);  // as PyTorch's own calls
  sim::Effect run = callable == nullptr ? sim::Effect() : backend::python_effect(callable);
  backend::logged("lab", "launch", [&] { sim::launch(name, nanoseconds, std::move(run)); }, name);
}

// What is reserved and allocated: (is a block, device, stream, offset, bytes) one after the other.
std::vector<int64_t> memory_now() {
  std::vector<int64_t> flat;
  const auto add = [&](bool is_block, const sim::StreamRef& stream, uintptr_t address,
                       size_t bytes) {
    const int64_t offset = sim::offset_of(reinterpret_cast<void*>(address));
    flat.insert(flat.end(),
                {is_block, stream.device, stream.id, offset, static_cast<int64_t>(bytes)});
  };
  for (const sim::SegmentView& segment : sim::memory_snapshot().segments) {
    add(false, segment.stream, segment.address, segment.bytes);
    for (const sim::BlockView& block : segment.blocks) {
      if (block.allocated) {
        add(true, segment.stream, block.address, block.bytes);
      }
    }
  }
  return flat;
}

struct Binding {
  const char* schema;
  Body body;
};

const Binding kBindings[] = {
    // Set-up
    {"initialize(int devices) -> ()",  // and give the simulator its Python host
     [](const Arguments& given) {
       initialize(given.integer(0));
       return kNothing;
     }},
    {"latched() -> bool", [](const Arguments&) { return IValue(backend::process_is_latched()); }},
    {"shut(str why) -> ()",  // load() refused this process: so does all else from now on
     [](const Arguments& given) {
       sim::shut(given.text(0));
       return kNothing;
     }},
    {"configure(str schedule, str[] names, int[] values) -> ()",
     [](const Arguments& given) {
       configure(given.text(0), given.texts(1), given.integers(2));
       return kNothing;
     }},
    {"schedule() -> str", [](const Arguments&) { return IValue(sim::schedule_name()); }},
    {"set_poison(bool on) -> ()",
     [](const Arguments& given) {
       sim::set_poison(given.flag(0));
       return kNothing;
     }},
    {"finish() -> ()",  // the program ends
     [](const Arguments&) {
       sim::finish();
       return kNothing;
     }},

    // Work
    {"launch(str name, int nanoseconds, int effect) -> ()",  // id(callable), or 0 for none
     [](const Arguments& given) {
       launch(given.text(0), given.integer(1), object(given.integer(2)));
       return kNothing;
     }},
    {"run_on_demand(int device, int stream) -> ()",
     [](const Arguments& given) {
       aten::run_on_demand(given.integer(0), given.integer(1));
       return kNothing;
     }},
    {"collective(str name, int device, int stream, Tensor[] reads, Tensor[] writes, bool chained, "
     "int effect) -> Tensor[]",
     [](const Arguments& given) {
       return IValue(aten::collective(given.text(0), given.integer(1), given.integer(2),
                                      given.tensors(3), given.tensors(4), given.flag(5),
                                      given.integer(6)));
     }},
    {"deliver(Tensor[] arrived, Tensor[] tensors) -> ()",
     [](const Arguments& given) {
       aten::deliver(given.tensors(0), given.tensors(1));
       return kNothing;
     }},
    {"join(str name, int device, int event) -> ()",
     [](const Arguments& given) {
       aten::join(given.text(0), given.integer(1), given.integer(2));
       return kNothing;
     }},

    // State
    {"plan_counts() -> int[]",  // plans of operators: kept, and made so far
     [](const Arguments&) {
       const auto [kept, made] = aten::plan_counts();
       return IValue(std::vector<int64_t>{kept, made});
     }},
    {"host_clock() -> int",  // virtual nanoseconds
     [](const Arguments&) {
       sim::check_open();
       return IValue(sim::clock_now());
     }},
    {"state() -> int[]",  // this thread's device, then its current stream of each device
     [](const Arguments&) {
       sim::check_open();
       return IValue(backend::thread_state());
     }},
    {"thread() -> int",  // this thread's logical number
     [](const Arguments&) { return IValue(sim::this_thread().number); }},
    {"stream_priority(int device, int stream) -> int",
     [](const Arguments& given) {
       const sim::StreamRef stream{static_cast<int>(given.integer(0)), given.integer(1)};
       return IValue(sim::stream_priority(stream));
     }},
    {"memory_now() -> int[]", [](const Arguments&) { return IValue(memory_now()); }},

    // The log
    {"name_files(int names) -> ()",  // id(mapping): file -> name to show, or None to pass over
     [](const Arguments& given) {
       backend::set_file_names(object(given.integer(0)));
       return kNothing;
     }},
    {"check_waits(int waits) -> ()",  // id(function): thread -> whether it waits for this one
     [](const Arguments& given) {
       backend::set_wait_check(object(given.integer(0)));
       return kNothing;
     }},
    // Waits of this thread for events never recorded: what begins it gives what ends it. Operators
    // are called without the interpreter lock.
    {"watch_idle_waits() -> int",
     [](const Arguments&) {
       const backend::WithGil gil;
       return IValue(reinterpret_cast<int64_t>(backend::watch_idle_waits()));
     }},
    {"unwatch_idle_waits(int watch) -> ()",
     [](const Arguments& given) {
       const backend::WithGil gil;
       backend::unwatch_idle_waits(object(given.integer(0)));
       return kNothing;
     }},
    {"record_begin(bool host, bool values) -> int",
     [](const Arguments& given) {
       const int64_t position = sim::log::begin(given.flag(0), given.flag(1));
       aten::watch_host();
       return IValue(position);
     }},
    {"record_read(int position) -> str",
     [](const Arguments& given) { return IValue(sim::log::read(given.integer(0))); }},
    {"record_end(bool host, bool values) -> ()",
     [](const Arguments& given) {
       sim::log::end(given.flag(0), given.flag(1));
       aten::watch_host();
       return kNothing;
     }},
    // Does nothing: an operator of the host, so that a log shows who looks at pinned memory.
    {"pickle(Tensor tensor) -> ()", [](const Arguments&) { return kNothing; }},
};
}  // namespace

void define(torch::Library& library) {
  for (const Binding& binding : kBindings) {
    library.def(binding.schema, boxed(binding.body));
  }
}

}  // namespace mtia::bindings
