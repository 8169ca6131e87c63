// A plan: all that the enqueueing of an operator needs to know and that depends only on the forms
// of its arguments, never on their memory. Made once, found again by a key.
#pragma once

#include <memory>

#include "../sim/profile.h"
#include "arguments.h"
#include "shell.h"

namespace mtia::aten {

// How the arguments look, as numbers. Values of floating point are left out, but where there is no
// tensor to compute with, as in arange(): nobody else's sizes depend on them, and an optimizer
// passes new ones at every step.
using Key = c10::SmallVector<int64_t, 96>;

struct Input {
  int argument;  // which argument it is, or is an element of
  bool host;     // a scalar of the host, taken by value
  bool shared;   // its storage is another argument's too: lent from the storage's start
  Form form;     // as the kernel finds it: an output is resized before
  bool resized;  // it has to be, at every call
  Shell shell;
};

struct Output {
  bool defined;
  Form form;
  size_t bytes;
  Shell shell;
};

// What a call gives back: an argument, one fresh tensor, or a list of them.
struct Return {
  int argument = kFresh;
  int first_output = 0;
  int list_size = -1;  // -1: no list
};

struct Plan {
  explicit Plan(const Operator& planned) : op(planned) {}

  const Operator& op;
  Key key;
  bool needs_values = false;  // nothing below is known: run it, and see
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Return> returns;
  std::vector<c10::IValue> arguments;  // with the shells for tensors
  std::vector<int> varying;            // which of them are not in the key: each call has its own
  bool into_outputs = false;  // the out variant writes them; else what is computed is copied
  sim::Cost cost;
};

// The plan for this call, from the cache or made now by asking PyTorch's meta kernels.
std::shared_ptr<const Plan> plan_for(const Call& call);

// How many plans are kept, and how many were made so far.
std::pair<int64_t, int64_t> plan_counts();

}  // namespace mtia::aten
