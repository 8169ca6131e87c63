#include "wait.h"

#include "../backend/python.h"
#include "../sim/graph/graph.h"
#include "../sim/runtime.h"
#include "access.h"
#include "copy.h"
#include "kernel_state.h"
#include "key.h"
#include "launch.h"
#include "random.h"
#include "tensor.h"

namespace mtia::aten {

namespace {
using c10::IValue;

// What passes between the kernel and the host that waits for it.
struct Outcome {
  torch::jit::Stack stack;
  std::vector<c10::Warning> warnings;
  std::exception_ptr error;
};

// The host's view of a tensor of the device: a shell over its whole storage. Tensors that share a
// storage share it here too, so that a kernel sees overlaps.
class HostViews {
 public:
  at::Tensor of(const at::Tensor& tensor) {
    if (!tensor.is_mtia()) {
      return tensor;
    }
    Form form = Form::of(tensor);
    form.offset = tensor.storage_offset();
    void* memory = storage_address(tensor);
    for (const auto& [start, shell] : shells_) {
      if (start == memory && memory != nullptr) {  // empty ones share nothing
        return Shell(form, shell).tensor();
      }
    }
    Shell shell(form, c10::DispatchKey::CPU, tensor.storage().nbytes());
    shell.lend(memory);
    shells_.emplace_back(memory, shell);
    return shell.tensor();
  }

 private:
  std::vector<std::pair<void*, Shell>> shells_;
};

torch::jit::Stack on_host(const Call& call) {
  HostViews views;
  std::vector<at::Tensor> made;
  const auto next = [&] {
    const size_t index = made.size(), same = first_same(call, index);
    return made.emplace_back(same < index ? made[same] : views.of(*call.tensors[index].tensor));
  };
  torch::jit::Stack stack;
  for (const IValue& value : call.arguments) {
    stack.push_back(value.isDevice() ? IValue(c10::Device(c10::DeviceType::CPU))
                                     : with_tensors(value, next));
  }
  return stack;
}

// A written argument that the kernel resized, as out= arguments are, or moved meanwhile.
void follow_resize(const at::Tensor& tensor, const at::Tensor& after) {
  if (tensor.sizes() != after.sizes() || address_of(tensor) != address_of(after)) {
    set_form(tensor, after.sizes(), after.strides(), /*keep=*/false);
    copy_to_device(after, tensor);
  }
}

void follow_resizes(const Call& call, const torch::jit::Stack& after) {
  size_t next = 0;
  for (const IValue& value : after) {
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      const auto& [given, argument] = call.tensors[next++];
      if (call.op.written[argument]) {
        follow_resize(*given, tensor);
      }
    });
  }
}

IValue to_device(const IValue& value, int device) {
  return with_tensors(value, [&, next = size_t{0}]() mutable {
    const at::Tensor& result =
        value.isTensor() ? value.toTensor() : value.toListRef()[next++].toTensor();
    TORCH_CHECK_NOT_IMPLEMENTED(
        result.layout() == c10::kStrided, "the simulated device has no ", result.layout(),
        " tensors: its kernels work on strided memory. Make it on the CPU, from x.cpu()");
    const Form form = Form::fresh(result);
    const at::Tensor made = make_tensor(device, form, form.span());
    copy_to_device(result, made);
    return made;
  });
}
}  // namespace

void run_and_wait(Call& call) {
  sim::check_not_capturing(sim::current_stream(call.device), call.op.name->c_str());
  const auto sequence = sequence_for(call);
  const auto outcome = std::make_shared<Outcome>();
  outcome->stack = on_host(call);
  const torch::jit::Stack given = outcome->stack;

  sim::Command command = kernel_command(call, sequence);
  sim::Cost cost;
  for (const auto& [tensor, argument] : call.tensors) {
    if (tensor->is_mtia()) {
      if (sim::wants_accesses()) {
        note_access(command, *tensor, call.op.written[argument]);
      }
      cost.memory_bytes += static_cast<int64_t>(tensor->nbytes());
      cost.vector_operations = std::max(cost.vector_operations, tensor->numel());
    }
  }
  command.effect = [outcome, op = &call.op, sequence, settings = Settings::now()] {
    try {
      const KernelState state(settings, &outcome->warnings);
      run_on_cpu(*op, op->handle, outcome->stack, sequence.get());
    } catch (...) {
      outcome->error = backend::held(std::current_exception());
    }
  };
  const sim::StreamRef stream = sim::current_stream(call.device);
  sim::submit(stream, std::move(command), cost);
  sim::synchronize_stream(stream);
  for (const c10::Warning& warning : outcome->warnings) {
    c10::warn(warning);
  }
  if (outcome->error) {
    std::rethrow_exception(outcome->error);
  }
  follow_resizes(call, given);
  c10::SmallVector<IValue, 3> results;
  for (size_t i = 0; i < outcome->stack.size(); ++i) {
    const int source = call.op.source[i];
    results.push_back(source == kFresh ? to_device(outcome->stack[i], call.device)
                                       : call.arguments[source]);
  }
  call.replace_arguments(results);
}

}  // namespace mtia::aten
