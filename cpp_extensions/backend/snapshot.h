// torch.mtia.record_memory_history and torch.mtia.snapshot: who holds what, and how it came to it.
#pragma once

#include <Python.h>

#include <optional>
#include <string>

namespace mtia::backend {

// As torch.cuda's: `enabled` is nothing (off), "state" (who allocated what there is) or "all" (also
// what happened); `stacks` "python" or "all" keeps the reader's line. 0 entries: no limit.
void record_memory_history(const std::optional<std::string>& enabled, const std::string& stacks,
                           size_t max_entries);

// A new reference to a dict as torch.cuda.memory's snapshots are; also pickled into `path`, if it
// is given, for https://pytorch.org/memory_viz. Called with the interpreter lock.
PyObject* memory_snapshot(const std::optional<std::string>& path);

// Calls `observer(device, bytes asked for, bytes in all, bytes free)` before each
// torch.OutOfMemoryError.
void attach_out_of_memory_observer(PyObject* observer);

}  // namespace mtia::backend
