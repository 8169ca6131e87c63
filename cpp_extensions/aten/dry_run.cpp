#include "dry_run.h"

#include <c10/core/alignment.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "../backend/python.h"
#include "cpu_kernel.h"
#include "random.h"

namespace mtia::aten {

namespace {
using c10::IValue;

// Memory of the host that the inputs of a plan are bound to, for as long as this lives.
class ScratchMemory {
 public:
  ScratchMemory(const Call& call, const Plan& plan, Content content) : plan_(plan) {
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      const Input& input = plan.inputs[i];
      const at::Storage& storage = input.rebindable.tensor().storage();
      if (storage.data() != nullptr) {
        continue;  // that of an input before
      }
      // Kernels were seen to write an expanded output as if it had all its elements.
      const bool written = call.op.written[input.argument];
      const size_t whole =
          written ? input.spec.numel() * c10::elementSize(input.spec.dtype) : size_t{0};
      const size_t bytes = std::max(storage.nbytes(), whole) + kSlack;
      char* const memory = aligned(memory_.emplace_back(bytes + c10::gAlignment, '\0').data());
      input.rebindable.bind(memory);
      if (input.by_value) {
        const at::Tensor& number = *call.tensors[i].tensor;
        std::memcpy(memory, number.const_data_ptr(), number.itemsize());
      } else if (content == Content::Units ||
                 (content == Content::Masks && is_mask(input.spec.dtype))) {
        fill_units(memory, bytes, input.spec);
      } else if (content == Content::Ones) {
        fill_ones(memory, bytes, input.spec.dtype);
      }
    }
  }
  ~ScratchMemory() {
    for (const Input& input : plan_.inputs) {
      input.rebindable.reset(input.spec);
    }
  }
  ScratchMemory(const ScratchMemory&) = delete;
  ScratchMemory& operator=(const ScratchMemory&) = delete;

 private:
  static constexpr size_t kSlack = 64;  // bytes

  static bool is_mask(c10::ScalarType dtype) {
    return dtype == c10::ScalarType::Bool || dtype == c10::ScalarType::Byte;
  }

  // Kernels rely on memory that lies as the CPU's allocator aligns it, and die of other memory.
  static char* aligned(char* memory) {
    const auto past = reinterpret_cast<uintptr_t>(memory) % c10::gAlignment;
    return memory + (past == 0 ? 0 : c10::gAlignment - past);
  }

  static void fill_units(char* memory, size_t bytes, const TensorSpec& spec) {
    const auto columns = spec.sizes.size() < 2 ? 2 : std::max<int64_t>(spec.sizes.back(), 1);
    fill(memory, bytes, spec.dtype, [&](int64_t row) { return row * columns + row % columns; });
  }

  static void fill_ones(char* memory, size_t bytes, c10::ScalarType dtype) {
    fill(memory, bytes, dtype, [](int64_t row) { return row; });
  }

  // Writes a 1 to the elements that `place` gives of 0, 1, 2, ...
  template <typename Place>
  static void fill(char* memory, size_t bytes, c10::ScalarType dtype, const Place& place) {
    const HostScalar one(dtype);
    one.tensor().fill_(1);
    const size_t size = c10::elementSize(dtype);
    const auto count = static_cast<int64_t>(bytes / size);
    for (int64_t row = 0, i = place(0); i < count; i = place(++row)) {
      std::memcpy(memory + i * size, one.data(), size);
    }
  }

  const Plan& plan_;
  std::vector<std::string> memory_;
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
      if (input.by_value && input.argument == other->argument) {
        input.rebindable.tensor().fill_(other->value);
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

struct NumberArgument {
  int argument;
  bool floating;
};

std::vector<NumberArgument> number_arguments(const Plan& plan) {
  std::vector<NumberArgument> found;
  for (int argument : plan.varying) {
    found.push_back({argument, true});
  }
  for (const Input& input : plan.inputs) {
    if (input.by_value) {
      found.push_back(
          {input.argument, !c10::isIntegralType(input.spec.dtype, /*includeBool=*/true)});
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

std::vector<int64_t> DryRun::sizes() const {
  std::vector<int64_t> sizes;
  for (const TensorSpec& spec : after) {
    sizes.insert(sizes.end(), spec.sizes.begin(), spec.sizes.end());
  }
  for (const IValue& result : results) {
    for (const at::Tensor& tensor :
         result.isTensorList() ? result.toTensorVector() : std::vector{result.toTensor()}) {
      append_sizes(tensor, sizes);
    }
  }
  return sizes;
}

DryRun dry_run(const Call& call, const Plan& plan, Content content,
               std::optional<OtherNumber> other) {
  const ScratchMemory memory(call, plan, content);
  const backend::Sequence scratch(c10::make_intrusive<at::CPUGeneratorImpl>());
  DryRun run;
  const KernelState state(Settings::now(), &run.warnings);
  run.results = arguments(call, plan, other);
  run_on_cpu(call.op, call.op.handle, run.results, call.op.random ? &scratch : nullptr);
  for (const Input& input : plan.inputs) {
    run.after.push_back(TensorSpec::of(input.rebindable.tensor()));
    run.after.back().offset = input.spec.offset;
    run.after.back().conjugate = input.spec.conjugate;
    run.after.back().negative = input.spec.negative;
  }
  return run;
}

bool numbers_matter(const Call& call, const Plan& plan, Content content, const DryRun& usual) {
  constexpr double kWhole[] = {0, 1, 2, -1};
  constexpr double kFractional[] = {0.5, std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<double>::quiet_NaN()};
  const auto matters = [&](int argument, double value) {
    try {
      const DryRun found = dry_run(call, plan, content, OtherNumber{argument, value});
      return found.sizes() != usual.sizes() || found.warnings.size() != plan.warnings.size();
    } catch (const std::exception&) {
      backend::forget_error();
      return true;
    }
  };
  for (const auto& [argument, floating] : number_arguments(plan)) {
    const auto any = [&](const auto& values) {
      return std::any_of(std::begin(values), std::end(values),
                         [&](double value) { return matters(argument, value); });
    };
    if (is_extraordinary(call.arguments[argument]) || any(kWhole) ||
        (floating && any(kFractional))) {
      return true;
    }
  }
  return false;
}

}  // namespace mtia::aten
