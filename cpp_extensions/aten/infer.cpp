#include "infer.h"

#include <ATen/TensorUtils.h>
#include <c10/util/Exception.h>

#include "../backend/clean_thread.h"
#include "../backend/python.h"
#include "key.h"
#include "rehearse.h"

namespace mtia::aten {

namespace {
// The form of each tensor argument. Where two share a storage, both lie in it as they really do.
std::vector<Form> forms_of(const Call& call) {
  std::vector<Form> forms;
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    forms.push_back(Form::of(*call.tensors[i].tensor));
    if (const size_t first = first_with_storage(call, i); first != i) {
      forms[first].offset = call.tensors[first].tensor->storage_offset();
      forms[i].offset = call.tensors[i].tensor->storage_offset();
    }
  }
  return forms;
}

bool is_shared(const Call& call, size_t index) {
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    if (i != index && first_with_storage(call, std::max(i, index)) ==
                          first_with_storage(call, std::min(i, index))) {
      return true;
    }
  }
  return false;
}

// Shells for all tensors, on one storage where the tensors are.
std::vector<Shell> make_shells(const Call& call, const std::vector<Form>& forms,
                               c10::DispatchKey key) {
  std::vector<Shell> shells;
  for (size_t i = 0; i < forms.size(); ++i) {
    const size_t first = first_with_storage(call, i);
    size_t bytes = 0;
    for (size_t j = 0; j < forms.size(); ++j) {
      bytes = first_with_storage(call, j) == first ? std::max(bytes, forms[j].span()) : bytes;
    }
    shells.push_back(first == i ? Shell(forms[i], key, bytes) : Shell(forms[i], shells[first]));
  }
  return shells;
}

// Scalars of the host stay what they are: meta kernels in Python insist on it for numbers.
c10::IValue on_meta(const c10::IValue& value, const Call& call, const std::vector<Shell>& shells,
                    size_t& next) {
  if (value.isDevice()) {
    return c10::Device(c10::DeviceType::Meta);
  }
  if (value.isGenerator()) {
    return {};
  }
  return with_tensors(value, [&] {
    const at::Tensor& tensor = *call.tensors[next].tensor;
    return tensor.is_mtia() ? shells[next++].tensor() : (++next, tensor);
  });
}

Output make_output(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    Form nothing;
    nothing.sizes = {0};
    nothing.strides = {1};
    Shell shell(nothing, c10::DispatchKey::CPU, 0);
    return {false, std::move(nothing), 0, std::move(shell)};
  }
  TORCH_CHECK(tensor.layout() == c10::kStrided, "not strided");
  Form form = Form::fresh(tensor);
  const size_t bytes = form.span();
  Shell shell(form, c10::DispatchKey::CPU, bytes);
  return {true, std::move(form), bytes, std::move(shell)};
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

// Inputs as the kernel will find them: what the meta kernel resized is resized.
void note_inputs(const Call& call, std::vector<Form> forms, const std::vector<Shell>& asked,
                 Plan& plan) {
  std::vector<bool> resized;
  for (size_t i = 0; i < forms.size(); ++i) {
    const at::Tensor& after = asked[i].tensor();
    resized.push_back(after.sizes() != forms[i].sizes);
    if (resized[i]) {
      forms[i].sizes = after.sizes().vec();
      forms[i].strides = after.strides().vec();
      forms[i].contiguous = after.is_contiguous();
    }
  }
  std::vector<Shell> shells = make_shells(call, forms, c10::DispatchKey::CPU);
  for (size_t i = 0; i < forms.size(); ++i) {
    plan.inputs.push_back({call.tensors[i].argument, call.tensors[i].tensor->is_cpu(),
                           is_shared(call, i), std::move(forms[i]), resized[i],
                           std::move(shells[i])});
  }
}

bool holds_floating_point(const c10::IValue& value) {
  if (!value.isList()) {
    return value.isDouble() || value.isComplexDouble();
  }
  const auto elements = value.toListRef();
  return std::any_of(elements.begin(), elements.end(), holds_floating_point);
}

void note_arguments(const Call& call, Plan& plan) {
  size_t next = 0;
  for (const c10::IValue& value : call.arguments) {
    if (holds_floating_point(value)) {
      plan.varying.push_back(static_cast<int>(plan.arguments.size()));
    }
    plan.arguments.push_back(value.isDevice()      ? c10::IValue(c10::Device(c10::DeviceType::CPU))
                             : value.isGenerator() ? c10::IValue()
                                                   : with_tensors(value, [&] {
                                                       return plan.inputs[next++].shell.tensor();
                                                     }));
  }
}
}  // namespace

bool infer(const Call& call, Plan& plan) {
  const backend::CleanThread clean(/*below_autograd=*/true);
  const std::vector<Form> forms = forms_of(call);
  const std::vector<Shell> asked = make_shells(call, forms, c10::DispatchKey::Meta);
  torch::jit::Stack results;
  size_t next = 0;
  for (const c10::IValue& value : call.arguments) {
    results.push_back(on_meta(value, call, asked, next));
  }
  try {
    call.op.handle.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::Meta), &results);
    note_inputs(call, forms, asked, plan);
    note_arguments(call, plan);
    const bool inferred = rehearse(call, plan, results);
    note_returns(results, plan);
    return inferred;
  } catch (const std::exception&) {
    backend::forget_error();
    return false;  // the caller runs the operator for real, which says what is wrong if anything is
  }
}

}  // namespace mtia::aten
