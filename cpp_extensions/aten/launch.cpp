#include "launch.h"

#include <array>
#include <cstring>

#include "../backend/python.h"
#include "../sim/graph/graph.h"
#include "../sim/runtime.h"
#include "copy.h"
#include "cpu_kernel.h"
#include "factories.h"
#include "random.h"

namespace mtia::aten {

namespace {
using c10::IValue;

sim::Command kernel_command(const Call& call, std::shared_ptr<sim::OrderedUses> uses) {
  sim::Command command;
  command.engine = sim::Engine::Compute;
  command.name = call.op.name;
  command.uses = std::move(uses);
  return command;
}

constexpr const char* kWronglyPredicted =
    "its memory was made as its meta kernel says, before it ran, and the two disagree. If the "
    "operator is your own, fix what torch.library.register_fake() was given. Predicted: ";

// The effect of one enqueued operator: see Note [Effects own no memory].
class KernelEffect {
 public:
  KernelEffect(const Call& call, std::shared_ptr<const Plan> plan, at::ArrayRef<at::Tensor> outputs,
               std::shared_ptr<backend::Sequence> sequence);
  void operator()();

 private:
  // The largest element, a complex double, aligned as vector instructions want it.
  struct alignas(16) Number : std::array<char, 16> {};

  void bind_memory();
  torch::jit::Stack arguments() const;
  void run(torch::jit::Stack& stack) const;
  void copy_results(const torch::jit::Stack& results) const;
  bool restore_tensors();

  std::shared_ptr<const Plan> plan_;
  c10::SmallVector<void*, 8> memory_;    // of the inputs, then of the outputs
  c10::SmallVector<IValue, 2> varying_;  // arguments that the plan leaves open
  c10::SmallVector<Number, 1> numbers_;  // scalars of the host
  Settings settings_;
  std::shared_ptr<backend::Sequence> sequence_;
};

KernelEffect::KernelEffect(const Call& call, std::shared_ptr<const Plan> plan,
                           at::ArrayRef<at::Tensor> outputs,
                           std::shared_ptr<backend::Sequence> sequence)
    : plan_(std::move(plan)), settings_(Settings::now()), sequence_(std::move(sequence)) {
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    const Input& input = plan_->inputs[i];
    const at::Tensor& tensor = *call.tensors[i].tensor;
    if (input.by_value) {
      std::memcpy(numbers_.emplace_back().data(), tensor.const_data_ptr(), tensor.itemsize());
      memory_.push_back(nullptr);  // that number, wherever this effect will be then
    } else {
      memory_.push_back(input.shared ? storage_address(tensor) : address_of(tensor));
    }
  }
  for (const at::Tensor& output : outputs) {
    memory_.push_back(output.defined() ? storage_address(output) : nullptr);
  }
  for (int argument : plan_->varying) {
    varying_.push_back(call.arguments[argument]);
  }
}

void KernelEffect::bind_memory() {
  size_t number = 0;
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    const Input& input = plan_->inputs[i];
    if (input.by_value) {
      memory_[i] = numbers_[number++].data();
    }
    input.rebindable.bind(memory_[i]);
  }
  for (size_t i = 0; i < plan_->outputs.size(); ++i) {
    plan_->outputs[i].rebindable.bind(memory_[plan_->inputs.size() + i]);
  }
}

torch::jit::Stack KernelEffect::arguments() const {
  torch::jit::Stack stack;
  stack.reserve(plan_->arguments.size() + plan_->outputs.size());
  stack.assign(plan_->arguments.begin(), plan_->arguments.end());
  for (size_t i = 0; i < varying_.size(); ++i) {
    stack[plan_->varying[i]] = varying_[i];
  }
  return stack;
}

void KernelEffect::run(torch::jit::Stack& stack) const {
  const Operator& op = plan_->op;
  if (!plan_->into_outputs) {
    return run_on_cpu(op, op.handle, stack, sequence_.get());
  }
  for (const Output& output : plan_->outputs) {
    stack.emplace_back(output.rebindable.tensor());
  }
  run_on_cpu(op, *op.out, stack, sequence_.get());
}

void KernelEffect::copy_results(const torch::jit::Stack& results) const {
  const auto copy = [&](const Output& output, const at::Tensor& result) {
    if (!output.defined) {
      return;
    }
    TORCH_CHECK(result.sizes() == output.spec.sizes && result.scalar_type() == output.spec.dtype,
                kWronglyPredicted, c10::toString(output.spec.dtype),
                at::IntArrayRef(output.spec.sizes), ", but it gave ",
                c10::toString(result.scalar_type()), result.sizes());
    output.rebindable.tensor().copy_(result);
  };
  for (size_t i = 0; i < plan_->returns.size(); ++i) {
    const Return& given = plan_->returns[i];
    if (given.argument != kFresh) {
      continue;
    }
    if (given.list_size < 0) {
      copy(plan_->outputs[given.first_output], results[i].toTensor());
      continue;
    }
    const auto list = results[i].toListRef();
    for (int j = 0; j < given.list_size; ++j) {
      copy(plan_->outputs[given.first_output + j], list[j].toTensor());
    }
  }
}

bool KernelEffect::restore_tensors() {
  bool as_predicted = true;
  size_t next = 0;
  for (const Input& input : plan_->inputs) {
    void* const memory = memory_[next++];
    as_predicted =
        (input.repeated || input.rebindable.restore(input.spec, input.after(), memory)) &&
        as_predicted;
  }
  for (const Output& output : plan_->outputs) {
    as_predicted =
        output.rebindable.restore(output.spec, output.spec, memory_[next++]) && as_predicted;
  }
  return as_predicted;
}

void KernelEffect::operator()() {
  bind_memory();
  const KernelState state(settings_);
  try {
    torch::jit::Stack stack = arguments();
    run(stack);
    if (!plan_->into_outputs) {
      copy_results(stack);
    }
  } catch (...) {
    restore_tensors();
    throw;
  }
  if (!restore_tensors()) {
    throw std::runtime_error(std::string(kWronglyPredicted) + "other sizes than it needs");
  }
}

std::vector<at::Tensor> make_outputs(const Plan& plan, int device) {
  std::vector<at::Tensor> outputs;
  outputs.reserve(plan.outputs.size());
  for (const Output& output : plan.outputs) {
    outputs.push_back(output.defined ? make_tensor(device, output.spec, output.bytes)
                                     : at::Tensor());
  }
  return outputs;
}

void note_accesses(sim::Command& command, const Call& call, const std::vector<at::Tensor>& made) {
  for (const auto& [tensor, argument] : call.tensors) {
    if (tensor->is_mtia()) {
      note_access(command, *tensor, call.op.written[argument]);
    }
  }
  for (const at::Tensor& output : made) {
    if (output.defined()) {
      note_access(command, output, true);
    }
  }
}

IValue returned(const Return& given, const Call& call, const std::vector<at::Tensor>& outputs) {
  if (given.argument != kFresh) {
    return call.arguments[given.argument];
  }
  if (given.list_size < 0) {
    return outputs[given.first_output];
  }
  const auto first = outputs.begin() + given.first_output;
  return std::vector<at::Tensor>(first, first + given.list_size);
}
}  // namespace

void launch(Call& call, std::shared_ptr<const Plan> plan) {
  for (const c10::Warning& warning : plan->warnings) {
    c10::warn(warning);
  }
  for (size_t i = 0; i < plan->inputs.size(); ++i) {
    const Input& input = plan->inputs[i];
    if (input.resized && !input.repeated) {
      resize_with_storage(*call.tensors[i].tensor, input.resized->sizes, input.resized->strides,
                          input.keep_content);
    }
  }
  const std::vector<at::Tensor> outputs = make_outputs(*plan, call.device);
  auto sequence = sequence_for(call);
  sim::Command command = kernel_command(call, sequence);
  if (sim::wants_accesses()) {
    note_accesses(command, call, outputs);
  }
  command.effect = KernelEffect(call, plan, outputs, std::move(sequence));
  sim::submit(sim::current_stream(call.device), std::move(command), plan->cost);

  c10::SmallVector<IValue, 3> results;
  for (const Return& given : plan->returns) {
    results.push_back(returned(given, call, outputs));
  }
  call.replace_arguments(results);
}

// The synchronous path

namespace {
// What passes between the kernel and the host that waits for it.
struct Outcome {
  torch::jit::Stack stack;
  std::vector<c10::Warning> warnings;
  std::exception_ptr error;
};

// The host's view of a tensor of the device, bound to its whole storage. Tensors that share a
// storage share it here too, so that a kernel sees overlaps.
class HostViews {
 public:
  at::Tensor of(const at::Tensor& tensor) {
    if (!tensor.is_mtia()) {
      return tensor;
    }
    TensorSpec spec = TensorSpec::of(tensor);
    spec.offset = tensor.storage_offset();
    void* memory = storage_address(tensor);
    for (const auto& [start, rebindable] : views_) {
      if (start == memory && memory != nullptr) {  // empty ones share nothing
        return RebindableTensor(spec, rebindable).tensor();
      }
    }
    RebindableTensor rebindable(spec, c10::DispatchKey::CPU, tensor.storage().nbytes());
    rebindable.bind(memory);
    views_.emplace_back(memory, rebindable);
    return rebindable.tensor();
  }

 private:
  std::vector<std::pair<void*, RebindableTensor>> views_;
};

torch::jit::Stack on_host(const Call& call) {
  HostViews views;
  std::vector<at::Tensor> made;
  const auto next = [&] {
    const size_t index = made.size(), same = first_identical(call, index);
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
    resize_with_storage(tensor, after.sizes(), after.strides(), /*keep=*/false);
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
    const TensorSpec spec = TensorSpec::for_copy_of(result);
    const at::Tensor made = make_tensor(device, spec, spec.span());
    copy_to_device(result, made);
    return made;
  });
}

void submit_and_wait(const Call& call, const std::shared_ptr<Outcome>& outcome) {
  const auto sequence = sequence_for(call);
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
}
}  // namespace

void launch_and_wait(Call& call) {
  sim::check_not_capturing(sim::current_stream(call.device), call.op.name->c_str());
  const auto outcome = std::make_shared<Outcome>();
  outcome->stack = on_host(call);
  const torch::jit::Stack given = outcome->stack;
  submit_and_wait(call, outcome);
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
