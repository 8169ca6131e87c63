#include "operator.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mtia::aten {

namespace {
using c10::OperatorHandle;

// A tensor, or an optional or a list of them.
bool holds_tensors(const c10::Type& type) {
  if (type.kind() == c10::TypeKind::ListType || type.kind() == c10::TypeKind::OptionalType) {
    return holds_tensors(*type.containedType(0));
  }
  return type.kind() == c10::TypeKind::TensorType;
}

bool is_tensor(const c10::Argument& argument) { return holds_tensors(*argument.type()); }

// The first overload of an operator for which `is_wanted` holds.
template <typename IsWanted>
std::optional<OperatorHandle> find_overload(const std::string& name, const IsWanted& is_wanted) {
  auto& dispatcher = c10::Dispatcher::singleton();
  static const auto* const all = new auto(dispatcher.getAllOpNames());
  for (const c10::OperatorName& each : *all) {
    if (each.name == name) {
      auto handle = dispatcher.findSchema(each);
      if (handle && is_wanted(*handle)) {
        return handle;
      }
    }
  }
  return std::nullopt;
}

// Whether `out` takes the arguments of `plain` and then one output for each of its returns.
bool is_out_variant(const c10::FunctionSchema& out, const c10::FunctionSchema& plain) {
  const auto& given = plain.arguments();
  const auto& taken = out.arguments();
  if (taken.size() != given.size() + plain.returns().size()) {
    return false;
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    const bool output = i >= given.size();
    if (taken[i].is_out() != output ||
        (!output && (taken[i].name() != given[i].name() || *taken[i].type() != *given[i].type()))) {
      return false;
    }
  }
  return true;
}

// Of a structured operator both variants are one kernel. Others may treat an output that already
// has its size in another way: binary_cross_entropy.out, for one, gives a wrong mean then.
std::optional<OperatorHandle> out_variant(const OperatorHandle& handle) {
  if (!handle.hasKernelForDispatchKey(c10::DispatchKey::CompositeExplicitAutogradNonFunctional)) {
    return std::nullopt;
  }
  for (const auto& returned : handle.schema().returns()) {
    if (returned.alias_info() || returned.type()->kind() != c10::TypeKind::TensorType) {
      return std::nullopt;
    }
  }
  return find_overload(handle.operator_name().name, [&](const OperatorHandle& other) {
    return is_out_variant(other.schema(), handle.schema());
  });
}

// The argument that a return is, by their alias sets.
int source_of(const c10::Argument& returned, const c10::FunctionSchema& schema) {
  if (returned.alias_info() == nullptr) {
    return kFresh;
  }
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias != nullptr && alias->beforeSets() == returned.alias_info()->beforeSets()) {
      return static_cast<int>(i);
    }
  }
  return kFresh;
}

// Of an in-place variant, the name of the other.
std::string without_underscore(const std::string& name) {
  return name.back() == '_' ? name.substr(0, name.size() - 1) : name;
}

template <size_t kCount>
bool among(const std::string_view (&names)[kCount], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// CUDA's kernels take a scalar of the host where a TensorIterator brings it in, which is what
// pointwise operators are built on. Some lack the tag. Not all variants have the tags of the
// operator.
bool is_pointwise(const std::string& plain) {
  constexpr std::string_view kUntagged[] = {
      "elu_backward",         "floor_divide",        "hardshrink_backward",
      "hardsigmoid_backward", "leaky_relu_backward", "mse_loss",
      "smooth_l1_loss",       "softplus_backward",   "softshrink_backward"};
  return among(kUntagged, plain) ||
         find_overload("aten::" + plain, [](const OperatorHandle& handle) {
           return handle.hasTag(at::Tag::pointwise);
         }).has_value();
}

// Other operators fetch one argument's number from the host.
bool fetches(const std::string& plain, const std::string& argument) {
  constexpr std::string_view kFetched[] = {
      "_fused_adagrad lr",      "_fused_adam lr",           "_fused_adamw lr",  "_fused_sgd lr",
      "_index_put_impl values", "_unsafe_index_put values", "bernoulli p",      "fill value",
      "index_fill value",       "index_put values",         "masked_fill value"};
  return among(kFetched, plain + " " + argument);
}

// These write where a tensor of lengths, offsets or indices says, and do not look whether that is
// inside.
bool trusts_values(const std::string& plain) {
  constexpr std::string_view kTrusting[] = {"_ctc_loss_backward",
                                            "_embedding_bag_backward",
                                            "_embedding_bag_dense_backward",
                                            "_embedding_bag_per_sample_weights_backward",
                                            "_segment_reduce_backward",
                                            "adaptive_max_pool2d_backward",
                                            "adaptive_max_pool3d_backward",
                                            "max_pool2d_with_indices_backward",
                                            "max_pool3d_with_indices_backward",
                                            "nll_loss2d_backward",
                                            "nll_loss_backward",
                                            "segment_reduce"};
  return among(kTrusting, plain);
}

// On CUDA too these have the host look whether a deviation is negative before they launch anything,
// or at what LAPACK says went wrong before they return.
bool checks_values(const std::string& plain, const c10::Argument& argument) {
  constexpr std::string_view kLookedAt[] = {
      "_linalg_eigh A",      "_linalg_eigvals self",  "_linalg_svd A",
      "cholesky self",       "cholesky_inverse self", "linalg_eig self",
      "linalg_eigvals self", "linalg_lstsq self",     "normal std"};
  return is_tensor(argument) && among(kLookedAt, plain + " " + argument.name());
}

// Others do so only for a call that asks for it by this argument.
bool asks_to_look(const std::string& plain, const c10::Argument& argument) {
  return argument.name() == "check_errors" ||
         (plain == "searchsorted" && argument.name() == "sorter");
}

// The CPU's kernel of a collective would exchange memory of the device behind its queues.
void check_no_collective(const c10::OperatorName& name) {
  TORCH_CHECK_NOT_IMPLEMENTED(name.name.rfind("c10d::", 0) != 0, name.name,
                              " got a tensor of the simulated device, in a process group whose "
                              "backend does not serve that. Make the group with the backend "
                              "'mtia_gloo', which importing mtia_lab.distributed registers");
}

void check_has_kernel(const OperatorHandle& handle) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      handle.hasComputedKernelForDispatchKey(c10::DispatchKey::CPU), handle.operator_name(),
      " has no kernel for dense tensors of the CPU, and kernels of the simulated device are those "
      "of the CPU. If the operator is your own, register one for the CPU, or for CompositeImplicit"
      "Autograd");
}

Operator describe(const OperatorHandle& handle) {
  const c10::FunctionSchema& schema = handle.schema();
  const c10::OperatorName& name = handle.operator_name();
  check_no_collective(name);
  check_has_kernel(handle);
  const std::string base = name.name.substr(name.name.rfind(':') + 1);
  Operator op{handle, sim::intern(base),
              sim::intern(base + (name.overload_name.empty() ? "" : "." + name.overload_name))};
  const std::string plain = without_underscore(base);
  op.pointwise = is_pointwise(plain);
  for (const auto& argument : schema.arguments()) {
    op.written.push_back(argument.alias_info() != nullptr && argument.alias_info()->isWrite());
    op.by_value.push_back(!op.written.back() && (op.pointwise || fetches(plain, argument.name())));
    op.needs_values = op.needs_values || checks_values(plain, argument);
    if (asks_to_look(plain, argument)) {
      op.looks_if = static_cast<int>(op.written.size()) - 1;
    }
    if (argument.name() == "generator") {
      op.generator = static_cast<int>(op.written.size()) - 1;
      op.random = true;
    }
  }
  for (const auto& returned : schema.returns()) {
    op.source.push_back(source_of(returned, schema));
    const bool alias = returned.alias_info() != nullptr;
    op.view = op.view || (alias && !returned.alias_info()->isWrite());
    op.needs_values = op.needs_values || !is_tensor(returned);
  }
  op.random = op.random || handle.hasTag(at::Tag::nondeterministic_seeded);
  // Where there is a meta kernel, it depends on the call: of x[i], on whether an index is a mask.
  // That is tried.
  op.needs_values = op.needs_values || ((handle.hasTag(at::Tag::dynamic_output_shape) ||
                                         handle.hasTag(at::Tag::data_dependent_output)) &&
                                        !handle.hasKernelForDispatchKey(c10::DispatchKey::Meta));
  op.trusts_values = trusts_values(plain);
  op.finds_range = plain == "histc";
  op.out = out_variant(handle);
  return op;
}

// By the address of what their handle stands for, which another may have later.
class Operators {
 public:
  const Operator& find(const OperatorHandle& handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t address = std::hash<OperatorHandle>()(handle);
    auto found = operators_.find(address);
    if (found == operators_.end()) {  // nothing is kept if describe() refuses it
      found = operators_.emplace(address, std::make_unique<Operator>(describe(handle))).first;
    }
    return *found->second;
  }

  void forget(const OperatorHandle& handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = operators_.find(std::hash<OperatorHandle>()(handle));
    if (found != operators_.end()) {
      found->second.release()->gone = true;  // never deleted: its kernel may be pending
      operators_.erase(found);
    }
  }

 private:
  std::mutex mutex_;
  std::unordered_map<size_t, std::unique_ptr<Operator>> operators_;
};

Operators& operators();

struct Listener final : c10::OpRegistrationListener {
  // Contract: called for each operator there is, and for new ones.
  void onOperatorRegistered(const OperatorHandle&) override {}
  // Contract: called when the definition of an operator is taken back.
  void onOperatorDeregistered(const OperatorHandle& handle) override { operators().forget(handle); }
};

Operators& operators() {
  static auto* const instance = new Operators;
  static auto* const listening = new c10::RegistrationHandleRAII(
      c10::Dispatcher::singleton().addRegistrationListener(std::make_unique<Listener>()));
  (void)listening;
  return *instance;
}
}  // namespace

void Operator::check_is_there() const {
  TORCH_CHECK(!gone, "the operator ", *full_name,
              " is gone: the library that defined it was deleted "
              "before its kernel ran. Keep the torch.library.Library until the device was "
              "synchronized");
}

const Operator& operator_of(const OperatorHandle& handle) { return operators().find(handle); }

OperatorHandle find(const char* name, const char* overload) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
}

// [operator.names_with_cpu_kernel_and]
std::vector<std::string> names_with_cpu_kernel_and(std::initializer_list<c10::DispatchKey> others) {
  constexpr std::string_view kAten = "aten::";
  std::vector<std::string> names;
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNamesForDispatchKey(c10::DispatchKey::CPU)) {
    const auto handle = dispatcher.findSchema(name);
    const bool other = handle && std::any_of(others.begin(), others.end(), [&](auto key) {
                         return handle->hasKernelForDispatchKey(key);
                       });
    if (other && name.name.rfind(kAten, 0) == 0) {
      names.push_back(c10::toString(name).substr(kAten.size()));
    }
  }
  return names;
}

}  // namespace mtia::aten
