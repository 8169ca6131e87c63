#include "snapshot.h"

#include "../sim/memory/allocator.h"
#include "../sim/memory/history.h"
#include "../sim/memory/out_of_memory.h"
#include "../sim/memory/stats.h"
#include "../sim/text.h"
#include "python.h"
#include "words.h"

namespace mtia::backend {

namespace {

// Adds `value`, whose reference it takes over, to a list. Throws if either failed to be made.
void append(PyObject* list, Owned value) {
  if (!value || PyList_Append(list, value.get()) != 0) {
    throw_error();
  }
}

Owned list() { return or_throw(PyList_New(0)); }

// The one frame that is kept: the program's line, "train.py:12", without its function's name.
Owned frames(const sim::Site& site) {
  Owned frames = list();
  const auto colon = site.rfind(':');
  if (colon != std::string::npos) {
    append(frames.get(), Owned(Py_BuildValue("{s:s, s:i, s:s}",  //
                                             "filename", site.substr(0, colon).c_str(), "line",
                                             std::stoi(site.substr(colon + 1)), "name", "")));
  }
  return frames;
}

using Unsigned = unsigned long long;

Owned to_dict(const sim::BlockView& block) {
  const char* state = block.allocated ? "active_allocated"
                      : block.cached  ? "inactive"
                                      : "active_pending_free";
  return Owned(Py_BuildValue("{s:K, s:K, s:K, s:s, s:N}",                               //
                             "address", static_cast<Unsigned>(block.address),           //
                             "size", static_cast<Unsigned>(block.bytes),                //
                             "requested_size", static_cast<Unsigned>(block.requested),  //
                             "state", state, "frames", frames(block.site).release()));
}

Owned to_dict(const sim::SegmentView& segment) {
  Owned blocks = list();
  Unsigned allocated = 0, active = 0, requested = 0;
  for (const sim::BlockView& block : segment.blocks) {
    allocated += block.allocated ? block.bytes : 0;
    requested += block.allocated ? block.requested : 0;
    active += block.cached ? 0 : block.bytes;
    append(blocks.get(), to_dict(block));
  }
  return Owned(Py_BuildValue(
      "{s:i, s:K, s:K, s:K, s:K, s:K, s:L, s:s, s:(LL), s:O, s:N, s:N}",                //
      "device", segment.stream.device,                                                  //
      "address", static_cast<Unsigned>(segment.address),                                //
      "total_size", static_cast<Unsigned>(segment.bytes),                               //
      "allocated_size", allocated, "active_size", active, "requested_size", requested,  //
      "stream", static_cast<long long>(segment.stream.id),                              //
      "segment_type", segment.small ? "small" : "large",                                //
      "segment_pool_id", 0LL, static_cast<long long>(segment.pool),                     //
      "is_expandable", Py_False, "frames", list().release(), "blocks", blocks.release()));
}

Owned to_dict(const sim::MemoryEvent& event) {
  const bool failed = std::string(event.action) == "oom";
  return Owned(Py_BuildValue("{s:s, s:K, s:K, s:L, s:L, s:N}", "action", event.action,  //
                             failed ? "device_free" : "addr",                           //
                             static_cast<Unsigned>(event.address),                      //
                             "size", static_cast<Unsigned>(event.bytes),                //
                             "stream", static_cast<long long>(event.stream.id),         //
                             "time_us", static_cast<long long>(event.time / 1000),      //
                             "frames", frames(event.site).release()));
}

// Python's own pickle.dump(object, open(path, "wb")).
void pickle(PyObject* object, const std::string& path) {
  const Owned io = or_throw(PyImport_ImportModule("io"));
  const Owned module = or_throw(PyImport_ImportModule("pickle"));
  const Owned file = or_throw(PyObject_CallMethod(io.get(), "open", "ss", path.c_str(), "wb"));
  or_throw(PyObject_CallMethod(module.get(), "dump", "OO", object, file.get()));
  or_throw(PyObject_CallMethod(file.get(), "close", nullptr));
}

}  // namespace

PyObject* memory_stats_dict(int device) {
  const sim::MemoryStats stats = sim::memory_stats(device);
  const auto number = [](int64_t value) { return static_cast<long long>(value); };
  return or_throw(Py_BuildValue("{s:{s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L, s:L}}",
                                "dram",                                                        //
                                "allocated_bytes", number(stats.allocated_bytes.all.current),  //
                                "peak_bytes", number(stats.allocated_bytes.all.peak),          //
                                "reserved_bytes", number(stats.reserved_bytes.all.current),    //
                                "peak_reserved_bytes", number(stats.reserved_bytes.all.peak),  //
                                "active_bytes", number(stats.active_bytes.all.current),        //
                                "requested_bytes", number(stats.requested_bytes.all.current),  //
                                "total_bytes",
                                number(static_cast<int64_t>(sim::memory_capacity(device))),  //
                                "num_allocs", number(stats.allocation.all.allocated),        //
                                "num_frees", number(stats.allocation.all.freed),             //
                                "num_ooms", number(stats.out_of_memory)))
      .release();
}

PyObject* memory_snapshot(const std::optional<std::string>& path) {
  const sim::MemorySnapshot snapshot = sim::memory_snapshot();
  Owned segments = list(), traces = list();
  for (const sim::SegmentView& segment : snapshot.segments) {
    append(segments.get(), to_dict(segment));
  }
  for (const auto& events : snapshot.traces) {
    Owned trace = list();
    for (const sim::MemoryEvent& event : events) {
      append(trace.get(), to_dict(event));
    }
    append(traces.get(), std::move(trace));
  }
  Owned dict = or_throw(Py_BuildValue("{s:N, s:N, s:{}, s:[]}", "segments", segments.release(),
                                      "device_traces", traces.release(), "allocator_settings",
                                      "external_annotations"));
  if (path) {
    pickle(dict.get(), *path);
  }
  return dict.release();
}

void record_memory_history(const std::optional<std::string>& enabled, const std::string& stacks,
                           size_t max_entries) {
  if (enabled && *enabled != "state" && *enabled != "all") {
    throw sim::Error("cannot record the memory history " + sim::in_quotes(*enabled) +
                     ": give \"all\", \"state\" for what is allocated only, or None for off");
  }
  if (stacks != "python" && stacks != "cpp" && stacks != "all") {
    throw sim::Error("unknown stacks " + sim::in_quotes(stacks) +
                     ": give \"python\", \"all\", or \"cpp\" for none of Python's lines");
  }
  sim::HistorySettings settings;
  settings.trace = enabled == "all";
  settings.sites = enabled.has_value() && stacks != "cpp";
  settings.most_events = max_entries;
  sim::keep_memory_history(settings);
}

void attach_out_of_memory_observer(PyObject* observer) {
  Py_INCREF(observer);  // for good, as the simulator keeps it
  sim::observe_out_of_memory([observer](const sim::OutOfMemory& error) {
    WithGil gil;
    Owned result(PyObject_CallFunction(
        observer, "iKKK", error.device, static_cast<Unsigned>(error.asked),
        static_cast<Unsigned>(error.total), static_cast<Unsigned>(error.free)));
    if (!result) {
      throw_error_as(std::string("an out-of-memory observer failed. It was told of this: ") +
                     out_of_memory(error) + ". It raised");
    }
  });
}

}  // namespace mtia::backend
