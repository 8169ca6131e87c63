#include "plan.h"

#include <mutex>
#include <unordered_map>

#include "cost.h"
#include "infer.h"
#include "key.h"

namespace mtia::aten {

namespace {
constexpr size_t kPlans = 4096;  // some hundred bytes each; a model's step needs some hundred

struct Cache {
  std::mutex mutex;
  std::unordered_map<uint64_t, std::shared_ptr<const Plan>> plans;
  int64_t made = 0;
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
  Key key;
  const bool can_be_kept = make_key(call, key);
  const uint64_t slot = hash(key);
  Cache& cache = aten::cache();
  if (can_be_kept) {
    std::lock_guard<std::mutex> lock(cache.mutex);
    auto found = cache.plans.find(slot);
    if (found != cache.plans.end() && found->second->key == key) {
      return found->second;
    }
  }
  std::shared_ptr<Plan> plan = make_plan(call);  // unlocked: meta kernels may run Python
  std::lock_guard<std::mutex> lock(cache.mutex);
  ++cache.made;
  if (can_be_kept && !plan->needs_values) {  // a meta kernel may be registered later
    plan->key = std::move(key);
    if (cache.plans.size() >= kPlans) {
      cache.plans.clear();  // simple, and what is still needed is soon back
    }
    cache.plans[slot] = plan;
  }
  return plan;
}

std::pair<int64_t, int64_t> plan_counts() {
  std::lock_guard<std::mutex> lock(cache().mutex);
  return {static_cast<int64_t>(cache().plans.size()), cache().made};
}

}  // namespace mtia::aten
