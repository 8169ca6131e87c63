#include "host_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../sim/host_thread.h"
#include "../sim/log/log.h"
#include "../sim/runtime.h"
#include "call.h"

namespace mtia::aten {

namespace {
// What an operator does with the elements of its arguments.
enum class Looks {
  Nowhere,        // at sizes, strides and addresses only
  ThroughOthers,  // it calls operators that do
  Itself,
};

// What the dispatcher's facts do not say. test_host_operators.py finds what is missing here,
// by memory that must not be touched.
constexpr std::array<std::string_view, 5> kCompositesThatLook = {
    "aten::copy_", "aten::tensor_split", "aten::ctc_loss", "aten::_pack_padded_sequence",
    "aten::_pad_packed_sequence"};
constexpr std::array<std::string_view, 1> kKernelsThatDoNot = {"aten::is_set_to"};

template <typename Names>
bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether a kernel is made for one of these tensors' layouts: composite ones are for all.
bool has_kernel(const c10::OperatorHandle& op, c10::DispatchKeySet layouts) {
  using c10::DispatchKey;
  constexpr DispatchKey kLayouts[] = {
      DispatchKey::CPU,          DispatchKey::SparseCPU,       DispatchKey::SparseCsrCPU,
      DispatchKey::QuantizedCPU, DispatchKey::NestedTensorCPU, DispatchKey::MkldnnCPU};
  return std::any_of(std::begin(kLayouts), std::end(kLayouts), [&](DispatchKey key) {
    return layouts.has(key) && op.hasKernelForDispatchKey(key);
  });
}

void add_layouts(c10::DispatchKeySet& layouts, const c10::IValue& argument) {
  if (argument.isTensor()) {
    layouts = layouts | argument.toTensor().key_set();
  } else if (argument.isList()) {
    for (const c10::IValue& element : argument.toListRef()) {
      add_layouts(layouts, element);
    }
  }
}

Looks looks(const c10::OperatorHandle& op, c10::ArrayRef<const c10::IValue> inputs) {
  const std::string& name = op.schema().name();
  if (op.hasTag(at::Tag::inplace_view) || holds(kKernelsThatDoNot, name)) {
    return Looks::Nowhere;
  }
  if (name.rfind("aten::", 0) != 0 || holds(kCompositesThatLook, name)) {
    return Looks::Itself;
  }
  c10::DispatchKeySet layouts;
  for (const c10::IValue& argument : inputs) {
    add_layouts(layouts, argument);
  }
  return has_kernel(op, layouts) ? Looks::Itself : Looks::ThroughOthers;
}

thread_local struct {
  std::optional<sim::HostRecord> record;  // of the operator that the program called, while it runs
  bool in_kernel = false;                 // one that looks itself, so not what it calls
} thread;

// An operator that runs. What it and those it calls do with pinned memory is one record.
struct Running final : at::ObserverContext {
  Running(std::string_view name, bool kernel) : outermost(!thread.record) {
    thread.in_kernel = kernel;
    if (outermost) {
      thread.record.emplace().name = name.substr(name.rfind(':') + 1);
    }
  }
  ~Running() override {
    thread.in_kernel = false;
    if (outermost) {
      auto record = std::exchange(thread.record, std::nullopt);
      if (!record->accesses.empty()) {
        sim::log::append(std::move(*record));
      }
    }
  }
  const bool outermost;
};

// Whatever takes part of another device is that device's work: a command says what it accesses.
bool is_the_hosts(const c10::IValue& argument) {
  if (argument.isTensor()) {
    return !argument.toTensor().defined() || argument.toTensor().is_cpu();
  }
  if (argument.isList()) {
    const auto elements = argument.toListRef();
    return std::all_of(elements.begin(), elements.end(), is_the_hosts);
  }
  return !argument.isDevice() || argument.toDevice().is_cpu();
}

void note(sim::HostRecord& record, const at::Tensor& tensor, bool write) {
  auto access = tensor.defined() ? access_to(tensor, write) : std::nullopt;
  if (!access) {
    return;
  }
  if (record.accesses.empty()) {
    sim::host_uses_memory();
    record.time = sim::clock_now();
    record.thread = sim::this_thread().number;
    record.site = sim::log::site();
  }
  const auto is_same = [&](const sim::Access& other) {
    return other.at == access->at && other.layout == access->layout && other.write == write;
  };
  if (std::none_of(record.accesses.begin(), record.accesses.end(), is_same)) {
    record.accesses.push_back(std::move(*access));
  }
}

void note(sim::HostRecord& record, const c10::IValue& argument, bool write) {
  if (argument.isTensor()) {
    note(record, argument.toTensor(), write);
  } else if (argument.isList()) {  // of tensors, some of which may be none; or of something else
    for (const c10::IValue& element : argument.toListRef()) {
      note(record, element, write);
    }
  }
}

// A view takes an alias of its argument and does not look at its elements. Of what a collective
// changes, its first argument, the schema does not say so.
void note_arguments(sim::HostRecord& record, c10::ArrayRef<const c10::IValue> inputs,
                    const c10::FunctionSchema& schema) {
  const size_t count = std::min(inputs.size(), schema.arguments().size());
  for (size_t i = 0; i < count; ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || alias->isWrite()) {
      note(record, inputs[i], alias != nullptr);
    }
  }
  const std::string& name = schema.name();
  if (count > 0 && name.rfind("c10d::", 0) == 0 && name.back() == '_') {
    note(record, inputs[0], true);
  }
}

// tolist() has no operator, but it resolves what is lazy before it looks. numpy(), which looks at
// nothing yet, does so with a tensor of its own, of which Python does not know.
bool is_tolist(const std::string& name, c10::ArrayRef<const c10::IValue> inputs) {
  return name == "aten::resolve_neg" && inputs[0].isTensor() &&
         inputs[0].toTensor().unsafeGetTensorImpl()->pyobj_slot()->load_pyobj() != nullptr;
}

// Contract: called when an operator begins; what is returned lives until it ends.
std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  const auto called = function.operator_name();
  if (function.scope() != at::RecordScope::FUNCTION || thread.in_kernel ||
      sim::this_thread().in_effect || !called) {
    return nullptr;
  }
  const auto inputs = function.inputs();
  if (!thread.record && is_tolist(called->name, inputs)) {
    note_host_read("tolist", inputs[0].toTensor());
    return nullptr;
  }
  const auto op = c10::Dispatcher::singleton().findSchema(*called);
  if (!op || !std::all_of(inputs.begin(), inputs.end(), is_the_hosts)) {
    return nullptr;
  }
  const Looks where = looks(*op, inputs);
  if (where == Looks::Nowhere) {
    return nullptr;
  }
  auto running = std::make_unique<Running>(called->name, where == Looks::Itself);
  if (where == Looks::Itself) {
    note_arguments(*thread.record, inputs, op->schema());
  }
  return running;
}

std::mutex watch_mutex;
at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
}  // namespace

void note_host_read(std::string name, const at::Tensor& tensor) {
  if (sim::log::wants_host()) {
    sim::HostRecord record;
    record.name = std::move(name);
    note(record, tensor, false);
    if (!record.accesses.empty()) {
      sim::log::append(std::move(record));
    }
  }
}

void watch_host() {
  std::lock_guard<std::mutex> lock(watch_mutex);
  const bool watching = handle != at::INVALID_CALLBACK_HANDLE;
  if (sim::log::wants_host() == watching) {
    return;
  }
  if (watching) {
    at::removeCallback(std::exchange(handle, at::INVALID_CALLBACK_HANDLE));
  } else {
    handle = at::addGlobalCallback(at::RecordFunctionCallback(begin).needsInputs(true));
  }
}

}  // namespace mtia::aten
