// Running a kernel of the CPU: the state of thread and process it finds, the numbers it draws.
#pragma once

#include <ATen/core/stack.h>
#include <ATen/record_function.h>
#include <c10/util/Exception.h>

#include <vector>

#include "../backend/clean_thread.h"
#include "../backend/generator.h"
#include "operator.h"

namespace mtia::aten {

// Settings of the whole process that kernels look at: they count as of the enqueue.
class Settings {
 public:
  static Settings now();
  int64_t bits() const;  // equal if and only if the settings are
  void apply() const;

 private:
  c10::ScalarType default_dtype_;
  bool deterministic_, warn_only_, fill_, mkldnn_;
};

// Keeps the warnings that are given, or drops them.
class Warnings final : public c10::WarningHandler {
 public:
  explicit Warnings(std::vector<c10::Warning>* kept) : kept_(kept) {}
  // Contract: called for each warning, on the thread that gives it.
  void process(const c10::Warning& warning) override {
    if (kept_ != nullptr) {
      kept_->push_back(warning);
    }
  }

 private:
  std::vector<c10::Warning>* kept_;
};

// What a kernel finds in eager mode on the CPU: a clean thread below autograd, with no profiler.
// Its warnings go to `warnings`, or nowhere: those of a kernel that is due were given at the call.
class KernelState {
 public:
  explicit KernelState(const Settings& settings, std::vector<c10::Warning>* warnings = nullptr);
  ~KernelState();
  KernelState(const KernelState&) = delete;
  KernelState& operator=(const KernelState&) = delete;

 private:
  backend::CleanThread thread_;
  at::DisableRecordFunctionGuard unprofiled_;
  Warnings warnings_;
  c10::WarningUtils::WarningHandlerGuard handled_;
  Settings wanted_, found_;
};

// Runs the CPU's kernel of `handle`, which is that of `op` or of its out variant, on the values of
// the stack. A random one draws from `sequence`, whether it takes a generator or uses the CPU's
// own, which is left as it was.
void run_on_cpu(const Operator& op, const c10::OperatorHandle& handle, torch::jit::Stack& stack,
                const backend::Sequence* sequence);

}  // namespace mtia::aten
