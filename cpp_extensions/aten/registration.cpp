#include "registration.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "copy.h"
#include "factories.h"
#include "fallback.h"
#include "operator.h"

namespace mtia::aten {

namespace {
using c10::DispatchKey;
using c10::IValue;
using c10::KernelFunction;

// What TORCH_LIBRARY_IMPL does, without the templates that check a kernel against its schema.
void register_kernel(const std::string& name, DispatchKey key, KernelFunction kernel) {
  static auto* const handles = new std::vector<c10::RegistrationHandleRAII>;  // never destroyed
  const size_t dot = name.find('.');
  const c10::OperatorName full("aten::" + name.substr(0, dot),
                               dot == std::string::npos ? "" : name.substr(dot + 1));
  handles->push_back(c10::Dispatcher::singleton().registerImpl(
      full, key, std::move(kernel), std::nullopt, nullptr, "registered by mtia_lab"));
}

void register_fallback(DispatchKey key, KernelFunction kernel) {
  static auto* const handles = new std::vector<c10::RegistrationHandleRAII>;  // never destroyed
  handles->push_back(c10::Dispatcher::singleton().registerFallback(key, std::move(kernel),
                                                                   "registered by mtia_lab"));
}

// What a boxed kernel is given, by position in the schema.
class Given {
 public:
  explicit Given(c10::ArrayRef<IValue> values) : values_(values) {}

  bool flag(size_t i) const { return values_[i].toBool(); }
  int64_t integer(size_t i) const { return values_[i].toInt(); }
  std::vector<int64_t> integers(size_t i) const { return values_[i].toIntVector(); }
  const at::Tensor& tensor(size_t i) const { return values_[i].toTensor(); }
  c10::Storage storage(size_t i) const { return values_[i].toStorage(); }
  c10::Stream stream(size_t i) const { return values_[i].toStream(); }
  std::optional<c10::MemoryFormat> format(size_t i) const {
    return values_[i].toOptional<c10::MemoryFormat>();
  }
  // dtype, layout, device and pin_memory, which come in this order
  TensorOptions options(size_t i) const {
    return {values_[i].toOptional<c10::ScalarType>(), values_[i + 1].toOptional<c10::Layout>(),
            values_[i + 2].toOptional<c10::Device>(), values_[i + 3].toOptional<bool>()};
  }

 private:
  c10::ArrayRef<IValue> values_;
};

// For a kernel that takes its arguments as C++ types the compiler writes a wrapper and a boxed door
// of its own, which takes it a second each: that is kept for `empty`, which PyTorch calls often.
class BoxedKernel final : public c10::OperatorKernel {
 public:
  // Returns what the operator returns, or nothing.
  using Body = at::Tensor (*)(const Given&);

  explicit BoxedKernel(Body body) : body_(body) {}

  // Contract: take the arguments off the stack and leave the results there.
  void operator()(const c10::OperatorHandle& handle, c10::DispatchKeySet,
                  torch::jit::Stack* stack) {
    const size_t count = handle.schema().arguments().size();
    at::Tensor result = body_(Given(torch::jit::last(*stack, count)));
    torch::jit::drop(*stack, count);
    if (!handle.schema().returns().empty()) {
      stack->emplace_back(std::move(result));
    }
  }

 private:
  Body body_;
};

struct OwnKernel {
  const char* name;
  BoxedKernel::Body body;
};

const OwnKernel kOwnKernels[] = {
    {"empty_strided",
     [](const Given& given) {
       return empty_strided(given.integers(0), given.integers(1), given.options(2));
     }},
    {"_efficientzerotensor",
     [](const Given& given) { return efficient_zeros(given.integers(0), given.options(1)); }},
    {"_copy_from",
     [](const Given& given) { return copy_from(given.tensor(0), given.tensor(1), given.flag(2)); }},
    {"_copy_from_and_resize",
     [](const Given& given) { return copy_from_and_resize(given.tensor(0), given.tensor(1)); }},
    {"resize_",
     [](const Given& given) {
       return resize(given.tensor(0), given.integers(1), given.format(2));
     }},
    {"set_.source_Storage",
     [](const Given& given) { return set_storage(given.tensor(0), given.storage(1)); }},
    {"set_.source_Storage_storage_offset",
     [](const Given& given) {
       return set_storage_at(given.tensor(0), given.storage(1), given.integer(2), given.integers(3),
                             given.integers(4));
     }},
    {"set_.source_Tensor",
     [](const Given& given) { return set_tensor(given.tensor(0), given.tensor(1)); }},
    {"set_", [](const Given& given) { return set_nothing(given.tensor(0)); }},
    {"record_stream",
     [](const Given& given) {
       record_stream(given.tensor(0), given.stream(1));
       return at::Tensor();
     }},
};

void item(const c10::OperatorHandle&, c10::DispatchKeySet, torch::jit::Stack* stack) {
  stack->back() = local_scalar_dense(stack->back().toTensor());
}
}  // namespace

void register_own_kernels() {
  register_kernel("empty.memory_format", DispatchKey::MTIA,
                  KernelFunction::makeFromUnboxedFunction(TORCH_FN(empty)));
  register_kernel("_local_scalar_dense", DispatchKey::MTIA,
                  KernelFunction::makeFromBoxedFunction<&item>());
  for (const auto& [name, body] : kOwnKernels) {
    register_kernel(name, DispatchKey::MTIA,
                    KernelFunction::makeFromBoxedFunctor(std::make_unique<BoxedKernel>(body)));
  }
  // Their composite kernels would make a tensor of another layout, and fail in words of their own.
  for (const char* name : {"sparse_compressed_tensor.comp_plain_value",
                           "sparse_compressed_tensor.comp_plain_value_size"}) {
    register_kernel(name, DispatchKey::SparseCsrMTIA,
                    KernelFunction::makeFromBoxedFunction<&refuse_layout>());
  }
  for (const char* name : {"_nested_tensor_from_tensor_list", "_nested_tensor_from_mask",
                           "_nested_from_padded", "_nested_view_from_buffer"}) {
    register_kernel(name, DispatchKey::BackendSelect,
                    KernelFunction::makeFromBoxedFunction<&refuse_layout_here>());
  }
  // A copy resolves conjugates and signs itself. Made real before it, they would be those of a
  // temporary tensor, which the copy would then write to.
  for (const DispatchKey key : {DispatchKey::Conjugate, DispatchKey::Negative}) {
    register_kernel("_copy_from", key, KernelFunction::makeFallthrough());
  }
}

void register_fallbacks() {
  register_fallback(DispatchKey::MTIA, KernelFunction::makeFromBoxedFunction<&fallback>());
  for (const DispatchKey key : kOtherLayouts) {
    register_fallback(key, KernelFunction::makeFromBoxedFunction<&refuse_layout>());
  }
  const auto take_the_cpus = [](const std::string& name) {
    register_kernel(name, DispatchKey::MTIA, KernelFunction::makeFromBoxedFunction<&fallback>());
  };
  // These are composite only, and would choose a library or a kernel by device, know some devices
  // only, or look whether two arguments are one.
  for (const char* name :
       {"_convolution", "addr_", "conj_physical_", "convolution", "convolution_backward",
        "kaiser_window", "kaiser_window.periodic", "kaiser_window.beta", "ldexp.Tensor",
        "ldexp.out", "ldexp_", "mode.values", "range.out_"}) {
    take_the_cpus(name);
  }
  // Without an entry of their own these would take their composite kernel on MTIA, which computes
  // in another order or makes several calls of one.
  for (const std::string& name : names_with_cpu_kernel_and(
           {DispatchKey::CompositeExplicitAutograd, DispatchKey::CompositeImplicitAutograd,
            DispatchKey::CompositeExplicitAutogradNonFunctional})) {
    take_the_cpus(name);
  }
  for (const std::string& name :
       names_with_cpu_kernel_and({DispatchKey::CompositeImplicitAutograd})) {
    register_kernel(name, DispatchKey::AutogradMTIA,
                    KernelFunction::makeFromBoxedFunction<&below_or_composite>());
  }
}

}  // namespace mtia::aten
