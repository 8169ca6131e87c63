#include "cost.h"

#include <algorithm>
#include <string_view>

namespace mtia::aten {

namespace {
// Products of matrices, by the position of their left factor among the tensor arguments. Only
// these need a list: no schema tells that an operator sums over a dimension its result lacks.
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
    const Form& written = plan.outputs.empty() ? plan.inputs.back().after() : plan.outputs[0].form;
    const std::vector<int64_t>& sizes = plan.inputs[left].after().sizes;
    return sizes.empty() ? 0 : 2 * written.count() * sizes.back();
  }
  // Each element of the result is a dot product of one filter's size. Backward does this twice.
  if (name == "convolution" && !plan.outputs.empty()) {
    const Form& filters = plan.inputs[1].after();
    return 2 * plan.outputs[0].form.count() * filters.count() /
           std::max<int64_t>(1, filters.sizes[0]);
  }
  if (name == "convolution_backward") {
    const Form& filters = plan.inputs[2].after();
    return 4 * plan.inputs[0].after().count() * filters.count() /
           std::max<int64_t>(1, filters.sizes[0]);
  }
  return 0;
}

bool is_16_bit(c10::ScalarType dtype) {
  return dtype == c10::ScalarType::Half || dtype == c10::ScalarType::BFloat16;
}
}  // namespace

sim::Cost cost_of(const Plan& plan) {
  sim::Cost cost;
  const auto add = [&](const Form& form) {
    const int64_t count = form.count();
    cost.memory_bytes += count * static_cast<int64_t>(c10::elementSize(form.dtype));
    cost.vector_operations = std::max(cost.vector_operations, count);
  };
  for (const Input& input : plan.inputs) {
    add(input.after());
  }
  for (const Output& output : plan.outputs) {
    add(output.form);
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

}  // namespace mtia::aten
