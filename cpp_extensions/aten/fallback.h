// One kernel for (almost) every operator.
#pragma once

#include <ATen/core/stack.h>

#include "operator.h"

namespace mtia::aten {

// Runs the operator on the arguments that are the last values of the stack: enqueues its kernel, or
// waits for it where only its result can tell how to go on.
void execute(const Operator& op, torch::jit::Stack& stack);

// Contract of a boxed kernel: the operator's arguments are the last values on the stack; leave what
// it returns in their place. The keys are those the call was dispatched by.
void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet keys,
              torch::jit::Stack* stack);

}  // namespace mtia::aten
