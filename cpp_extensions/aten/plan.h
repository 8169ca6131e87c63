// A plan: all that the enqueueing of an operator needs to know and that depends only on the forms
// of its arguments, never on their memory. Made once, found again by a key.
#pragma once

#include <c10/util/Exception.h>

#include <memory>
#include <optional>

#include "../sim/profile.h"
#include "arguments.h"
#include "shell.h"

namespace mtia::aten {

// How the arguments look, as integers.
using Key = c10::SmallVector<int64_t, 96>;

struct Input {
  int argument;  // which argument it is, or is an element of
  bool host;     // a scalar of the host, taken by value
  bool shared;   // its storage is another argument's too: lent from the storage's start
  bool keeps;    // what it holds, if it is resized: it is read as well
  bool again;    // it is an argument before, which has this shell
  Form form;     // as the kernel finds it
  std::optional<Form>
      resized{};  // as the kernel leaves it: an output of another size, at every call
  Shell shell;

  const Form& after() const { return resized ? *resized : form; }
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
  bool signpost = false;      // nor here: calls of these forms have a plan for each set of numbers
  bool numbers_matter = false;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Return> returns;
  std::vector<c10::IValue> arguments;  // with the shells for tensors
  std::vector<int> varying;            // which of them hold numbers: each call has its own
  std::vector<c10::Warning> warnings;  // that every such call gives
  bool into_outputs = false;  // the out variant writes them; else what is computed is copied
  sim::Cost cost;
};

// The plan for this call, from the cache or made now.
std::shared_ptr<const Plan> plan_for(const Call& call);

// How many plans are kept, and how many were made so far.
std::pair<int64_t, int64_t> plan_counts();

}  // namespace mtia::aten
