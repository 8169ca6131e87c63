#include "plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "cpu_kernel.h"
#include "infer.h"

namespace mtia::aten {

namespace {
enum Tag : int64_t {
  None,
  Integer,
  Boolean,
  Floating,
  Complex,
  Text,
  List,
  Device,
  Random,
  Tensor
};

class KeyMaker {
 public:
  KeyMaker(const Call& call, Detail detail, Key& key) : call_(call), detail_(detail), key_(key) {}

  bool add(const c10::IValue& value) {
    if (value.isNone() || (value.isTensor() && !value.toTensor().defined())) {
      put(None);
    } else if (value.isTensor()) {
      tensor(value.toTensor());
    } else if (value.isInt()) {
      put(Integer, specs() ? value.toInt() : 0);
    } else if (value.isBool()) {
      put(Boolean, value.toBool());
    } else if (value.isDouble()) {
      put(Floating | is_ordinary(value.toDouble()) << 8);
      number(value.toDouble());
    } else if (value.isComplexDouble()) {
      put(Complex);
      number(value.toComplexDouble());
    } else if (value.isString()) {
      put(Text, static_cast<int64_t>(std::hash<std::string>()(value.toStringRef())));
    } else if (value.isList()) {
      return list(value.toListRef());
    } else if (value.isDevice()) {
      put(Device);  // which one is the call's device: shapes do not depend on it
    } else if (value.isGenerator()) {
      put(Random);
    } else {
      return false;
    }
    return true;
  }

 private:
  void put(int64_t number) { key_.push_back(number); }
  void put(int64_t tag, int64_t number) {
    key_.push_back(tag);
    key_.push_back(number);
  }

  bool specs() const { return detail_ != Detail::Kinds; }

  void bytes(const void* start, size_t count) {
    std::array<int64_t, 2> words{};
    std::memcpy(words.data(), start, count);
    key_.append(words.begin(), words.end());
  }

  template <typename T>
  void number(const T& value) {
    if (detail_ == Detail::Numbers) {
      bytes(&value, sizeof value);
    }
  }

  bool list(at::ArrayRef<c10::IValue> elements) {
    put(List, static_cast<int64_t>(elements.size()));
    for (const c10::IValue& element : elements) {
      if (!add(element)) {
        return false;
      }
    }
    return true;
  }

  void tensor(const at::Tensor& tensor) {  // of one without elements kernels refuse other numbers
    const int64_t kind = Tensor | int64_t{tensor.numel() == 0} << 4 |
                         int64_t{tensor.is_cpu()} << 5 |  // then it is a number
                         static_cast<int64_t>(tensor.scalar_type()) << 16;
    if (!specs()) {
      put(kind);
      return;
    }
    const auto* impl = tensor.unsafeGetTensorImpl();
    const size_t first = first_with_storage(call_, index_);
    const int64_t flags = int64_t{tensor.is_conj()} | int64_t{tensor.is_neg()} << 1 |
                          int64_t{impl->is_wrapped_number()} << 2 | int64_t{first != index_} << 3;
    put(kind | flags << 8 | tensor.dim() << 32);
    if (detail_ == Detail::Numbers && tensor.is_cpu()) {
      bytes(tensor.const_data_ptr(), tensor.itemsize());
    }
    key_.append(tensor.sizes().begin(), tensor.sizes().end());
    key_.append(tensor.strides().begin(), tensor.strides().end());
    if (first != index_) {  // how the two lie to each other
      put(static_cast<int64_t>(first), static_cast<int64_t>(first_identical(call_, index_)));
      put(call_.tensors[first].tensor->storage_offset());
      put(tensor.storage_offset());
    }
    ++index_;
  }

  const Call& call_;
  const Detail detail_;
  Key& key_;
  size_t index_ = 0;  // of the next tensor
};
}  // namespace

bool is_ordinary(double number) {
  constexpr double kLargestHalf = 65504;
  return !std::isfinite(number) || std::abs(number) <= kLargestHalf;
}

bool make_key(const Call& call, Detail detail, Key& key) {
  key.push_back(reinterpret_cast<int64_t>(&call.op));
  key.push_back(Settings::now().bits());
  KeyMaker maker(call, detail, key);
  for (const c10::IValue& value : call.arguments) {
    if (!maker.add(value)) {
      return false;
    }
  }
  return true;
}

namespace {
uint64_t hash(const Key& key) {
  uint64_t hash = 0x9E3779B97F4A7C15u;
  for (int64_t number : key) {
    hash = (hash ^ static_cast<uint64_t>(number)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

// Products of matrices, by the position of their left factor among the tensor arguments. Only
// these need a list: no schema says that an operator sums over a dimension its result lacks.
int left_factor(std::string_view name) {
  constexpr std::string_view kFirst[] = {"mm", "bmm", "dot", "vdot", "mv", "_int_mm"};
  constexpr std::string_view kSecond[] = {"addmm",  "addmm_", "baddbmm", "baddbmm_",
                                          "addbmm", "addmv",  "addmv_",  "_addmm_activation"};
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return among(kFirst) ? 0 : among(kSecond) ? 1 : -1;
}

// Multiplications and additions of a product of matrices or a convolution; 0 for anything else.
int64_t product_operations(const Plan& plan) {
  const std::string_view name = *plan.op.name;
  if (plan.inputs.empty()) {
    return 0;
  }
  if (const int left = left_factor(name); left >= 0) {
    const TensorSpec& written =
        plan.outputs.empty() ? plan.inputs.back().after() : plan.outputs[0].spec;
    const std::vector<int64_t>& sizes = plan.inputs[left].after().sizes;
    return sizes.empty() ? 0 : 2 * written.numel() * sizes.back();
  }
  // Each element of the result is a dot product of one filter's size. Backward does this twice.
  if (name == "convolution" && !plan.outputs.empty()) {
    const TensorSpec& filters = plan.inputs[1].after();
    return 2 * plan.outputs[0].spec.numel() * filters.numel() /
           std::max<int64_t>(1, filters.sizes[0]);
  }
  if (name == "convolution_backward") {
    const TensorSpec& filters = plan.inputs[2].after();
    return 4 * plan.inputs[0].after().numel() * filters.numel() /
           std::max<int64_t>(1, filters.sizes[0]);
  }
  return 0;
}

bool is_16_bit(c10::ScalarType dtype) {
  return dtype == c10::ScalarType::Half || dtype == c10::ScalarType::BFloat16;
}

// What an operator moves and computes, from the specs of its tensors alone.
sim::Cost cost_of(const Plan& plan) {
  sim::Cost cost;
  const auto add = [&](const TensorSpec& spec) {
    const int64_t count = spec.numel();
    cost.memory_bytes += count * static_cast<int64_t>(c10::elementSize(spec.dtype));
    cost.vector_operations = std::max(cost.vector_operations, count);
  };
  for (const Input& input : plan.inputs) {
    add(input.after());
  }
  for (const Output& output : plan.outputs) {
    add(output.spec);
  }
  if (const int64_t operations = product_operations(plan)) {
    const c10::ScalarType dtype = plan.inputs.back().after().dtype;
    if (c10::elementSize(dtype) == 1) {
      cost.matrix_operations = operations / 2;
    } else {
      (is_16_bit(dtype) ? cost.matrix_operations : cost.vector_operations) = operations;
    }
  }
  return cost;
}

constexpr size_t kPlans = 4096;  // some hundred bytes each; a model's step needs some hundred

// [plan.cache]
class Cache {
 public:
  std::shared_ptr<const Plan> find(const Key& key) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = plans_.find(hash(key));
    return found != plans_.end() && found->second->key == key ? found->second : nullptr;
  }

  void keep(Key key, std::shared_ptr<Plan> plan) {
    const uint64_t slot = hash(key);
    plan->key = std::move(key);
    std::lock_guard<std::mutex> lock(mutex_);
    if (plans_.size() >= kPlans) {
      plans_.clear();  // simple, and what is still needed is soon back
    }
    plans_[slot] = std::move(plan);
  }

  void count() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++made_;
  }

  std::pair<int64_t, int64_t> counts() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {static_cast<int64_t>(plans_.size()), made_};
  }

 private:
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<const Plan>> plans_;
  int64_t made_ = 0;
};

Cache& cache() {
  static auto* const instance = new Cache;  // effects may run while the process exits
  return *instance;
}

void check_dtypes(const Call& call) {
  const auto& arguments = call.op.handle.schema().arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].real_type()->kind() == c10::TypeKind::ScalarTypeType &&
        call.arguments[i].isInt()) {
      TORCH_CHECK_NOT_IMPLEMENTED(!c10::isQIntType(call.arguments[i].toScalarType()),
                                  "the simulated device has no quantized tensors, which ",
                                  *call.op.full_name,
                                  " would make. Quantize on the CPU, or use "
                                  "torch.fake_quantize_per_tensor_affine");
    }
  }
}

std::shared_ptr<Plan> make_plan(const Call& call) {
  cache().count();
  check_dtypes(call);
  auto plan = std::make_shared<Plan>(call.op);
  plan->needs_values = call.op.needs_values || !infer(call, *plan);
  if (plan->needs_values) {
    return plan;
  }
  plan->into_outputs = call.op.out.has_value();
  for (const Output& output : plan->outputs) {
    plan->into_outputs = plan->into_outputs && output.defined;
  }
  plan->cost = cost_of(*plan);
  return plan;
}
}  // namespace

std::shared_ptr<const Plan> plan_for(const Call& call) {
  Key specs, numbers;
  const bool can_be_kept = make_key(call, Detail::Specs, specs);
  auto found = can_be_kept ? cache().find(specs) : nullptr;
  if (found != nullptr && found->see_numbers) {
    make_key(call, Detail::Numbers, numbers);
    found = cache().find(numbers);
  }
  if (found != nullptr) {
    return found;
  }
  std::shared_ptr<Plan> plan = make_plan(call);          // unlocked: a fake kernel may run Python
  const bool keep = can_be_kept && !plan->needs_values;  // a fake kernel may be registered later
  if (keep && plan->numbers_matter) {
    auto redirect = std::make_shared<Plan>(call.op);
    redirect->see_numbers = true;
    cache().keep(std::move(specs), std::move(redirect));
    specs.clear();
    make_key(call, Detail::Numbers, specs);
  }
  if (keep) {
    cache().keep(std::move(specs), plan);
  }
  return plan;
}

std::pair<int64_t, int64_t> plan_counts() { return cache().counts(); }

}  // namespace mtia::aten
