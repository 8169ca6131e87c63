#include "plan.h"

#include <mutex>
#include <unordered_map>

#include "cost.h"
#include "infer.h"
#include "key.h"

namespace mtia::aten {

namespace {
constexpr size_t kPlans = 4096;  // some hundred bytes each; a model's step needs some hundred

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
  Key forms, numbers;
  const bool can_be_kept = make_key(call, Detail::Forms, forms);
  auto found = can_be_kept ? cache().find(forms) : nullptr;
  if (found != nullptr && found->signpost) {
    make_key(call, Detail::Numbers, numbers);
    found = cache().find(numbers);
  }
  if (found != nullptr) {
    return found;
  }
  std::shared_ptr<Plan> plan = make_plan(call);          // unlocked: a fake kernel may run Python
  const bool keep = can_be_kept && !plan->needs_values;  // a fake kernel may be registered later
  if (keep && plan->numbers_matter) {
    auto signpost = std::make_shared<Plan>(call.op);
    signpost->signpost = true;
    cache().keep(std::move(forms), std::move(signpost));
    forms.clear();
    make_key(call, Detail::Numbers, forms);
  }
  if (keep) {
    cache().keep(std::move(forms), plan);
  }
  return plan;
}

std::pair<int64_t, int64_t> plan_counts() { return cache().counts(); }

}  // namespace mtia::aten
