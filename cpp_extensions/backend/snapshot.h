// What torch.mtia asks about memory, as Python's objects: statistics, a snapshot, its history.
#pragma once

#include <Python.h>

#include <optional>
#include <string>

namespace mtia::backend {

// A new reference to {"dram": {...}}, of which torch.mtia reads allocated_bytes and peak_bytes.
PyObject* memory_stats_dict(int device);

// As torch.cuda's: `enabled` is nothing (off), "state" (who allocated what there is) or "all" (also
// what happened); `stacks` "python" or "all" keeps the program's line. 0 entries: no limit.
void record_memory_history(const std::optional<std::string>& enabled, const std::string& stacks,
                           size_t max_entries);

// A new reference to a dict as torch.cuda.memory's snapshots are; also pickled into `path`, if it
// is given, for https://pytorch.org/memory_viz. Called with the interpreter lock.
PyObject* memory_snapshot(const std::optional<std::string>& path);

// Calls `observer(device, bytes asked for, bytes in all, bytes free)` before each
// torch.OutOfMemoryError.
void attach_out_of_memory_observer(PyObject* observer);

}  // namespace mtia::backend
