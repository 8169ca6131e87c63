#include "rehearse.h"

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "../backend/python.h"
#include "kernel_state.h"
#include "key.h"
#include "random.h"

namespace mtia::aten {

namespace {
using c10::IValue;

// The host's memory under the shells of a plan, for as long as this lives.
class Stage {
 public:
  Stage(const Call& call, const Plan& plan, Content content) : plan_(plan) {
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      const Input& input = plan.inputs[i];
      const at::Storage& storage = input.shell.tensor().storage();
      if (storage.data() != nullptr) {
        continue;  // that of an input before
      }
      // Kernels were seen to write an expanded output as if it had all its elements.
      const size_t whole = input.form.count() * c10::elementSize(input.form.dtype);
      std::vector<char>& memory = memory_.emplace_back(std::max(storage.nbytes(), whole) + kSlack);
      input.shell.lend(memory.data());
      if (input.host) {
        const at::Tensor& number = *call.tensors[i].tensor;
        std::memcpy(memory.data(), number.const_data_ptr(), number.itemsize());
      } else if (content == Content::Units) {
        fill_units(memory, input.form);
      }
    }
  }
  ~Stage() {
    for (const Input& input : plan_.inputs) {
      input.shell.reset(input.form);
    }
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

 private:
  static constexpr size_t kSlack = 64;  // bytes

  static void fill_units(std::vector<char>& memory, const Form& form) {
    const at::Tensor one = at::scalar_tensor(1, form.dtype);
    const auto columns = form.sizes.size() < 2 ? 2 : std::max<int64_t>(form.sizes.back(), 1);
    const auto count = static_cast<int64_t>(memory.size() / one.itemsize());
    for (int64_t i = 0; i < count; ++i) {
      if (i % columns == i / columns % columns) {
        std::memcpy(memory.data() + i * one.itemsize(), one.const_data_ptr(), one.itemsize());
      }
    }
  }

  const Plan& plan_;
  std::vector<std::vector<char>> memory_;
};

IValue with_number(const IValue& value, double number) {
  if (value.isDouble()) {
    return number;
  }
  if (!value.isList()) {
    return value;
  }
  c10::impl::GenericList copy(value.toList().elementType());
  for (const IValue& element : value.toListRef()) {
    copy.push_back(with_number(element, number));
  }
  return copy;
}

torch::jit::Stack arguments(const Call& call, const Plan& plan, std::optional<OtherNumber> other) {
  torch::jit::Stack stack = plan.arguments;
  for (int argument : plan.varying) {
    stack[argument] = call.arguments[argument];
  }
  if (other) {
    stack[other->argument] = with_number(stack[other->argument], other->value);
    for (const Input& input : plan.inputs) {
      if (input.host && input.argument == other->argument) {
        input.shell.tensor().fill_(other->value);
      }
    }
  }
  return stack;
}

void append_sizes(const at::Tensor& tensor, std::vector<int64_t>& sizes) {
  sizes.push_back(tensor.defined() ? tensor.dim() : -1);
  if (tensor.defined()) {
    sizes.push_back(static_cast<int64_t>(tensor.scalar_type()));
    sizes.insert(sizes.end(), tensor.sizes().begin(), tensor.sizes().end());
  }
}

// The arguments that hold numbers: of each, whether they are of floating point.
std::map<int, bool> numbers(const Plan& plan) {
  std::map<int, bool> found;
  for (int argument : plan.varying) {
    found[argument] = true;
  }
  for (const Input& input : plan.inputs) {
    if (input.host) {
      found[input.argument] = !c10::isIntegralType(input.form.dtype, /*includeBool=*/true);
    }
  }
  return found;
}

bool is_extraordinary(const IValue& value) {
  if (!value.isList()) {
    return value.isComplexDouble() || (value.isDouble() && !is_ordinary(value.toDouble()));
  }
  const auto elements = value.toListRef();
  return std::any_of(elements.begin(), elements.end(), is_extraordinary);
}
}  // namespace

std::vector<int64_t> Rehearsal::sizes() const {
  std::vector<int64_t> sizes;
  for (const Form& form : after) {
    sizes.insert(sizes.end(), form.sizes.begin(), form.sizes.end());
  }
  for (const IValue& result : results) {
    for (const at::Tensor& tensor :
         result.isTensorList() ? result.toTensorVector() : std::vector{result.toTensor()}) {
      append_sizes(tensor, sizes);
    }
  }
  return sizes;
}

Rehearsal rehearse(const Call& call, const Plan& plan, Content content,
                   std::optional<OtherNumber> other) {
  const Stage stage(call, plan, content);
  const backend::Sequence scratch(c10::make_intrusive<at::CPUGeneratorImpl>());  // nobody else's
  Rehearsal rehearsal;
  const KernelState state(Settings::now(), &rehearsal.warnings);
  rehearsal.results = arguments(call, plan, other);
  run_on_cpu(call.op, call.op.handle, rehearsal.results, call.op.random ? &scratch : nullptr);
  for (const Input& input : plan.inputs) {
    rehearsal.after.push_back(Form::of(input.shell.tensor()));
    rehearsal.after.back().offset = input.form.offset;
    rehearsal.after.back().conjugate = input.form.conjugate;
    rehearsal.after.back().negative = input.form.negative;
  }
  return rehearsal;
}

bool numbers_matter(const Call& call, const Plan& plan, Content content, const Rehearsal& usual) {
  constexpr double kWhole[] = {0, 1, 2, -1};
  constexpr double kOthers[] = {0.5, std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
  const auto matters = [&](int argument, double value) {
    try {
      const Rehearsal found = rehearse(call, plan, content, OtherNumber{argument, value});
      return found.sizes() != usual.sizes() || found.warnings.size() != plan.warnings.size();
    } catch (const std::exception&) {
      backend::forget_error();
      return true;
    }
  };
  for (const auto& [argument, floating] : numbers(plan)) {
    const auto any = [&](const auto& values) {
      return std::any_of(std::begin(values), std::end(values),
                         [&](double value) { return matters(argument, value); });
    };
    if (is_extraordinary(call.arguments[argument]) || any(kWhole) || (floating && any(kOthers))) {
      return true;
    }
  }
  return false;
}

}  // namespace mtia::aten
