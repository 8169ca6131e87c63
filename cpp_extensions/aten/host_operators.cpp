#include "host_operators.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "../sim/host_thread.h"
#include "../sim/log.h"
#include "../sim/runtime.h"
#include "access.h"

namespace mtia::aten {

namespace {
// What they return has a tensor's form; they do not look at its elements.
constexpr std::array<std::string_view, 12> kOnlyLookAtForm = {
    "aten::empty_like", "aten::zeros_like", "aten::ones_like",    "aten::full_like",
    "aten::rand_like",  "aten::randn_like", "aten::randint_like", "aten::new_empty",
    "aten::new_zeros",  "aten::new_ones",   "aten::new_full",     "aten::is_pinned",
};

thread_local bool noted = false;  // the operator that this thread is in, so not what it calls

struct Noted final : at::ObserverContext {
  Noted() { noted = true; }
  ~Noted() override { noted = false; }
};

// Whatever takes part of another device is that device's work: a command says what it accesses.
bool is_the_hosts(const c10::IValue& argument) {
  if (argument.isTensor()) {
    return !argument.toTensor().defined() || argument.toTensor().is_cpu();
  }
  return !argument.isDevice() || argument.toDevice().is_cpu();
}

void note(sim::HostRecord& record, const c10::IValue& argument, bool write) {
  if (argument.isTensor()) {
    if (auto access =
            argument.toTensor().defined() ? access_to(argument.toTensor(), write) : std::nullopt) {
      record.accesses.push_back(std::move(*access));
    }
  } else if (argument.isTensorList()) {
    for (const at::Tensor& tensor : argument.toTensorVector()) {
      note(record, tensor, write);
    }
  }
}

// A view takes an alias of its argument and does not look at its elements.
void note_arguments(sim::HostRecord& record, const at::RecordFunction& function,
                    const c10::FunctionSchema& schema) {
  const auto inputs = function.inputs();
  const size_t count = std::min(inputs.size(), schema.arguments().size());
  for (size_t i = 0; i < count; ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || alias->isWrite()) {
      note(record, inputs[i], alias != nullptr);
    }
  }
}

// Contract: called when an operator begins; what is returned lives until it ends.
std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  if (noted || sim::this_thread().in_effect) {
    return nullptr;
  }
  const auto inputs = function.inputs();
  if (!std::all_of(inputs.begin(), inputs.end(), is_the_hosts)) {
    return nullptr;
  }
  const std::string_view name = function.name();
  const auto schema = function.operator_schema();
  const auto* end = kOnlyLookAtForm.end();
  if (!schema || std::find(kOnlyLookAtForm.begin(), end, name) != end) {
    return nullptr;
  }
  sim::HostRecord record;
  note_arguments(record, function, *schema);
  if (record.accesses.empty()) {
    return nullptr;
  }
  record.name = name.substr(name.rfind(':') + 1);
  record.time = sim::clock_now();
  record.thread = sim::this_thread().number;
  record.site = sim::log::site();
  sim::log::append(std::move(record));
  return std::make_unique<Noted>();
}

std::mutex watch_mutex;
at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
}  // namespace

void watch_host() {
  std::lock_guard<std::mutex> lock(watch_mutex);
  const bool watching = handle != at::INVALID_CALLBACK_HANDLE;
  if (sim::log::wants_host() == watching) {
    return;
  }
  if (watching) {
    at::removeCallback(std::exchange(handle, at::INVALID_CALLBACK_HANDLE));
  } else {
    handle = at::addGlobalCallback(
        at::RecordFunctionCallback(begin).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
}

}  // namespace mtia::aten
