// The state of a thread, and of the process, in which a kernel of the CPU runs as an effect.
#pragma once

#include <ATen/record_function.h>
#include <c10/util/Exception.h>

#include "../backend/clean_thread.h"

namespace mtia::aten {

// Settings of the whole process that kernels look at: they count as of the enqueue.
class Settings {
 public:
  static Settings now();
  bool operator==(const Settings& other) const;
  void apply() const;

 private:
  c10::ScalarType default_dtype_;
  bool deterministic_, warn_only_, fill_, mkldnn_;
};

// What a kernel finds in eager mode on the CPU: a clean thread below autograd, with no profiler,
// and no warnings, since those were given at the enqueue.
class KernelState {
 public:
  explicit KernelState(const Settings& settings);
  ~KernelState();
  KernelState(const KernelState&) = delete;
  KernelState& operator=(const KernelState&) = delete;

 private:
  backend::CleanThread thread_;
  at::DisableRecordFunctionGuard unprofiled_;
  struct Silent final : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  } silent_;
  c10::WarningUtils::WarningHandlerGuard unwarned_;
  Settings wanted_, found_;
};

}  // namespace mtia::aten
