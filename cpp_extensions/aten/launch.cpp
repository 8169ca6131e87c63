#include "launch.h"

#include <array>
#include <cstring>

#include "../backend/allocator.h"
#include "../sim/runtime.h"
#include "access.h"
#include "kernel_state.h"
#include "random.h"
#include "tensor.h"

namespace mtia::aten {

namespace {
using c10::IValue;

constexpr const char* kForetoldWrongly =
    "its memory was made as its meta kernel says, before it ran, and the two disagree. If the "
    "operator is your own, mend what torch.library.register_fake() was given. Foretold: ";

// One enqueued operator. It knows device memory by address alone: a tensor that is freed while its
// kernel is pending really gives its memory back. All else it holds by value.
class Job {
 public:
  Job(const Call& call, std::shared_ptr<const Plan> plan, at::ArrayRef<at::Tensor> outputs,
      std::shared_ptr<backend::Sequence> sequence);
  void operator()();

 private:
  // The largest element, a complex double, aligned as vector instructions want it.
  struct alignas(16) Number : std::array<char, 16> {};

  void lend_memory();
  torch::jit::Stack arguments() const;
  void run(torch::jit::Stack& stack) const;
  void copy_results(const torch::jit::Stack& results) const;
  bool restore_shells();

  std::shared_ptr<const Plan> plan_;
  c10::SmallVector<void*, 8> memory_;    // of the inputs, then of the outputs
  c10::SmallVector<IValue, 2> varying_;  // arguments that the plan leaves open
  c10::SmallVector<Number, 1> numbers_;  // scalars of the host
  Settings settings_;
  std::shared_ptr<backend::Sequence> sequence_;
};

Job::Job(const Call& call, std::shared_ptr<const Plan> plan, at::ArrayRef<at::Tensor> outputs,
         std::shared_ptr<backend::Sequence> sequence)
    : plan_(std::move(plan)), settings_(Settings::now()), sequence_(std::move(sequence)) {
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    const Input& input = plan_->inputs[i];
    const at::Tensor& tensor = *call.tensors[i].tensor;
    if (input.host) {
      std::memcpy(numbers_.emplace_back().data(), tensor.const_data_ptr(), tensor.itemsize());
      memory_.push_back(nullptr);  // that number, wherever this job will be then
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

void Job::lend_memory() {
  size_t number = 0;
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    const Input& input = plan_->inputs[i];
    if (input.host) {
      memory_[i] = numbers_[number++].data();
    }
    input.shell.lend(memory_[i]);
  }
  for (size_t i = 0; i < plan_->outputs.size(); ++i) {
    plan_->outputs[i].shell.lend(memory_[plan_->inputs.size() + i]);
  }
}

torch::jit::Stack Job::arguments() const {
  torch::jit::Stack stack;
  stack.reserve(plan_->arguments.size() + plan_->outputs.size());
  stack.assign(plan_->arguments.begin(), plan_->arguments.end());
  for (size_t i = 0; i < varying_.size(); ++i) {
    stack[plan_->varying[i]] = varying_[i];
  }
  return stack;
}

void Job::run(torch::jit::Stack& stack) const {
  const Operator& op = plan_->op;
  if (!plan_->into_outputs) {
    return run_on_cpu(op, op.handle, stack, sequence_.get());
  }
  for (const Output& output : plan_->outputs) {
    stack.emplace_back(output.shell.tensor());
  }
  run_on_cpu(op, *op.out, stack, sequence_.get());
}

void Job::copy_results(const torch::jit::Stack& results) const {
  const auto copy = [&](const Output& output, const at::Tensor& result) {
    if (!output.defined) {
      return;
    }
    TORCH_CHECK(result.sizes() == output.form.sizes && result.scalar_type() == output.form.dtype,
                kForetoldWrongly, c10::toString(output.form.dtype),
                at::IntArrayRef(output.form.sizes), ", but it gave ",
                c10::toString(result.scalar_type()), result.sizes());
    output.shell.tensor().copy_(result);
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

bool Job::restore_shells() {
  bool as_foretold = true;
  size_t next = 0;
  for (const Input& input : plan_->inputs) {
    void* const memory = memory_[next++];
    as_foretold =
        (input.again || input.shell.restore(input.form, input.after(), memory)) && as_foretold;
  }
  for (const Output& output : plan_->outputs) {
    as_foretold = output.shell.restore(output.form, output.form, memory_[next++]) && as_foretold;
  }
  return as_foretold;
}

void Job::operator()() {
  lend_memory();
  const KernelState state(settings_);
  try {
    torch::jit::Stack stack = arguments();
    run(stack);
    if (!plan_->into_outputs) {
      copy_results(stack);
    }
  } catch (...) {
    restore_shells();
    throw;
  }
  if (!restore_shells()) {
    throw std::runtime_error(std::string(kForetoldWrongly) + "other sizes than it needs");
  }
}

std::vector<at::Tensor> make_outputs(const Plan& plan, int device) {
  std::vector<at::Tensor> outputs;
  outputs.reserve(plan.outputs.size());
  for (const Output& output : plan.outputs) {
    outputs.push_back(output.defined ? make_tensor(device, output.form, output.bytes)
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

sim::Command kernel_command(const Call& call, std::shared_ptr<sim::OrderedUses> uses) {
  sim::Command command;
  command.engine = sim::Engine::Compute;
  command.name = call.op.name;
  command.uses = std::move(uses);
  return command;
}

void launch(Call& call, std::shared_ptr<const Plan> plan) {
  for (const c10::Warning& warning : plan->warnings) {
    c10::warn(warning);
  }
  for (size_t i = 0; i < plan->inputs.size(); ++i) {
    const Input& input = plan->inputs[i];
    if (input.resized && !input.again) {
      set_form(*call.tensors[i].tensor, input.resized->sizes, input.resized->strides, input.keeps);
    }
  }
  const std::vector<at::Tensor> outputs = make_outputs(*plan, call.device);
  auto sequence = sequence_for(call);
  sim::Command command = kernel_command(call, sequence);
  if (sim::wants_accesses()) {
    note_accesses(command, call, outputs);
  }
  command.effect = Job(call, plan, outputs, std::move(sequence));
  sim::submit(sim::current_stream(call.device), std::move(command), plan->cost);

  c10::SmallVector<IValue, 3> results;
  for (const Return& given : plan->returns) {
    results.push_back(returned(given, call, outputs));
  }
  call.replace_arguments(results);
}

}  // namespace mtia::aten
