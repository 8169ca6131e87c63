#include "infer.h"

#include <ATen/TensorUtils.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "../backend/clean_thread.h"
#include "../backend/python.h"
#include "dry_run.h"

namespace mtia::aten {

namespace {
// The spec of each tensor argument. Where two share a storage, both lie in it as they really do.
std::vector<TensorSpec> specs_of(const Call& call, const Aliases& aliases) {
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    const at::Tensor& tensor = *call.tensors[i].tensor;
    specs.push_back(TensorSpec::of(tensor));
    if (aliases.shared[i]) {
      specs[i].offset = tensor.storage_offset();
    }
  }
  return specs;
}

// Rebindable tensors for all of them, on one storage where the tensors are, large enough for both
// specs.
std::vector<RebindableTensor> make_rebindables(const Aliases& aliases,
                                               const std::vector<TensorSpec>& specs,
                                               const std::vector<TensorSpec>& after,
                                               c10::DispatchKey key) {
  std::vector<size_t> bytes(specs.size());  // of each storage, at its first tensor
  for (size_t i = 0; i < specs.size(); ++i) {
    size_t& all = bytes[aliases.storage[i]];
    all = std::max({all, specs[i].span(), after[i].span()});
  }
  std::vector<RebindableTensor> rebindables;
  for (size_t i = 0; i < specs.size(); ++i) {
    const size_t first = aliases.storage[i], same = aliases.tensor[i];
    rebindables.push_back(same != i    ? rebindables[same]
                          : first == i ? RebindableTensor(specs[i], key, bytes[i])
                                       : RebindableTensor(specs[i], rebindables[first]));
  }
  return rebindables;
}

// Scalars of the host stay what they are: meta kernels in Python insist on it for numbers.
c10::IValue on_meta(const c10::IValue& value, const Call& call,
                    const std::vector<RebindableTensor>& rebindables, size_t& next) {
  if (value.isDevice()) {
    return c10::Device(c10::DeviceType::Meta);
  }
  if (value.isGenerator()) {
    return {};
  }
  return with_tensors(value, [&] {
    const at::Tensor& tensor = *call.tensors[next].tensor;
    const size_t index = next++;
    return tensor.is_mtia() ? rebindables[index].tensor() : tensor;
  });
}

Output make_output(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    TensorSpec nothing;
    nothing.sizes = {0};
    nothing.strides = {1};
    RebindableTensor rebindable(nothing, c10::DispatchKey::CPU, 0);
    return {false, std::move(nothing), 0, std::move(rebindable)};
  }
  TensorSpec spec = TensorSpec::for_copy_of(tensor);
  const size_t bytes = spec.span();
  RebindableTensor rebindable(spec, c10::DispatchKey::CPU, bytes);
  return {true, std::move(spec), bytes, std::move(rebindable)};
}

void note_returns(const torch::jit::Stack& results, Plan& plan) {
  for (size_t i = 0; i < results.size(); ++i) {
    Return given;
    given.argument = plan.op.source[i];
    given.first_output = static_cast<int>(plan.outputs.size());
    if (given.argument == kFresh && results[i].isTensorList()) {
      given.list_size = static_cast<int>(results[i].toListRef().size());
      for (const c10::IValue& element : results[i].toListRef()) {
        plan.outputs.push_back(make_output(element.toTensor()));
      }
    } else if (given.argument == kFresh) {
      plan.outputs.push_back(make_output(results[i].toTensor()));
    }
    plan.returns.push_back(given);
  }
}

// Inputs as they are, in tensors that can hold what the kernel makes of them, if that is known.
void note_inputs(const Call& call, const Aliases& aliases, const std::vector<TensorSpec>& specs,
                 const std::vector<TensorSpec>& after, Plan& plan) {
  std::vector<RebindableTensor> rebindables =
      make_rebindables(aliases, specs, after, c10::DispatchKey::CPU);
  plan.inputs.clear();
  for (size_t i = 0; i < specs.size(); ++i) {
    const int argument = call.tensors[i].argument;
    const bool shared = aliases.shared[i];
    Input input{.argument = argument,
                .by_value = call.tensors[i].tensor->is_cpu(),
                .shared = shared,
                .keep_content = shared || !call.op.handle.schema().arguments()[argument].is_out(),
                .repeated = aliases.tensor[i] != i,
                .spec = specs[i],
                .rebindable = rebindables[i]};
    if (after[i].sizes != specs[i].sizes || after[i].strides != specs[i].strides) {
      input.resized = after[i];
    }
    plan.inputs.push_back(std::move(input));
  }
}

bool holds_numbers(const c10::IValue& value) {
  if (!value.isList()) {
    return value.isDouble() || value.isComplexDouble();
  }
  const auto elements = value.toListRef();
  return std::any_of(elements.begin(), elements.end(), holds_numbers);
}

void note_arguments(const Call& call, Plan& plan) {
  plan.arguments.clear();
  plan.varying.clear();
  size_t next = 0;
  for (const c10::IValue& value : call.arguments) {
    if (holds_numbers(value)) {
      plan.varying.push_back(static_cast<int>(plan.arguments.size()));
    }
    plan.arguments.push_back(
        value.isDevice() ? c10::IValue(c10::Device(c10::DeviceType::CPU))
        : value.isGenerator()
            ? c10::IValue()
            : with_tensors(value, [&] { return plan.inputs[next++].rebindable.tensor(); }));
  }
}
std::optional<DryRun> try_dry_run(const Call& call, const Plan& plan, Content content) {
  try {
    return dry_run(call, plan, content);
  } catch (const std::exception&) {
    backend::forget_error();
    return std::nullopt;  // for its arguments, or for this content
  }
}

bool all_strided(const torch::jit::Stack& results) {
  bool strided = true;
  for (const c10::IValue& result : results) {
    for_each_tensor(result, [&](const at::Tensor& tensor) {
      strided = strided && tensor.layout() == c10::kStrided;
    });
  }
  return strided;
}

// What is known of an operator on arguments of some kinds, for all their sizes.
struct KindFacts {
  bool values_decide = false;  // of what size its results are
  bool numbers_matter = false;
};

// Kept by the key of a call's kinds.
class FactsByKind {
 public:
  std::optional<KindFacts> find(const Key& kinds) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = facts_.find({kinds.begin(), kinds.end()});
    return found == facts_.end() ? std::nullopt : std::optional(found->second);
  }
  void add(const Key& kinds, KindFacts facts) {
    std::lock_guard<std::mutex> lock(mutex_);
    facts_[{kinds.begin(), kinds.end()}] = facts;
  }

 private:
  std::mutex mutex_;
  std::map<std::vector<int64_t>, KindFacts> facts_;  // as many as a program calls kinds of
};

FactsByKind& facts_by_kind() {
  static auto* const instance = new FactsByKind;
  return *instance;
}

// Some warnings are given once a process, so not in a second run. They are passed on now.
void note_warnings(const Call& call, Plan& plan, Content content, const DryRun& first) {
  if (first.warnings.empty()) {
    return;
  }
  plan.warnings = dry_run(call, plan, content).warnings;
  for (const c10::Warning& warning : first.warnings) {
    const auto same = [&](const c10::Warning& other) { return other.msg() == warning.msg(); };
    if (std::none_of(plan.warnings.begin(), plan.warnings.end(), same)) {
      c10::warn(warning);
    }
  }
}

// What the CPU's kernel does is the authority. Two contents are tried: where only one is refused
// the other counts, and where both are, the call is wrong or needs better values than these; the
// device's own values decide that, at once. But a pointwise operator, whose sizes never depend on
// values, may then need values without a zero. If the two have results of different sizes, values
// decide.
bool infer_by_dry_run(const Call& call, Plan& plan) {
  Key kinds;
  const bool comparable = make_key(call, Detail::Kinds, kinds);
  std::optional<KindFacts> known = comparable ? facts_by_kind().find(kinds) : std::nullopt;
  if (known && known->values_decide) {
    return false;
  }
  const auto remember = [&](KindFacts facts) {
    if (comparable) {
      facts_by_kind().add(kinds, facts);
    }
  };
  const Aliases aliases = aliases_of(call);
  const std::vector<TensorSpec> specs = specs_of(call, aliases);
  note_inputs(call, aliases, specs, specs, plan);
  note_arguments(call, plan);
  const auto zeros = try_dry_run(call, plan, Content::Zeros);
  auto units = call.op.trusts_values ? std::nullopt : try_dry_run(call, plan, Content::Units);
  if (zeros && !units && !call.op.trusts_values) {
    units = try_dry_run(call, plan, Content::Masks);
  }
  Content content = zeros ? Content::Zeros : Content::Units;
  if (!zeros && !units && call.op.pointwise) {
    content = Content::Ones;
    units = try_dry_run(call, plan, content);
  }
  if (zeros && units && zeros->sizes() != units->sizes()) {
    remember({.values_decide = true});
    return false;
  }
  if ((!zeros && !units) || !all_strided((zeros ? zeros : units)->results)) {
    return false;
  }
  const DryRun& found = zeros ? *zeros : *units;
  note_warnings(call, plan, content, found);
  if (!known) {
    known = KindFacts{.numbers_matter = numbers_matter(call, plan, content, found)};
    remember(*known);
  }
  plan.numbers_matter = known->numbers_matter;
  note_inputs(call, aliases, specs, found.after, plan);
  note_arguments(call, plan);
  note_returns(found.results, plan);
  return true;
}

// Fake kernels may look at numbers too.
bool infer_by_fake_kernel(const Call& call, Plan& plan) {
  const backend::CleanThread clean(/*below_autograd=*/true);
  const Aliases aliases = aliases_of(call);
  const std::vector<TensorSpec> specs = specs_of(call, aliases);
  const std::vector<RebindableTensor> asked =
      make_rebindables(aliases, specs, specs, c10::DispatchKey::Meta);
  torch::jit::Stack results;
  size_t next = 0;
  for (const c10::IValue& value : call.arguments) {
    results.push_back(on_meta(value, call, asked, next));
  }
  try {
    call.op.handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::Meta), &results);
  } catch (const std::exception&) {
    backend::forget_error();
    return false;  // the caller runs the operator for real, which says what is wrong if anything is
  }
  if (!all_strided(results)) {
    return false;
  }
  std::vector<TensorSpec> after;
  for (const RebindableTensor& rebindable : asked) {
    after.push_back(TensorSpec::of(rebindable.tensor()));
  }
  plan.numbers_matter = true;
  note_inputs(call, aliases, specs, after, plan);
  note_arguments(call, plan);
  note_returns(results, plan);
  return true;
}
}  // namespace

bool infer(const Call& call, Plan& plan) {
  const bool ours = call.op.handle.operator_name().name.rfind("aten::", 0) == 0;
  return ours ? infer_by_dry_run(call, plan) : infer_by_fake_kernel(call, plan);
}

}  // namespace mtia::aten
