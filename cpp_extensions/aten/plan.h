// A plan: all that the enqueueing of an operator needs to know and that depends only on the specs
// of its arguments, never on their memory. Made once, found again by a key.
//
// Note [Plans]. To find out what an operator gives back means to try it (see Note [Predicted and
// dry-run shapes] in infer.h), which takes far longer than the kernel of a small tensor. A program
// calls the same operators on tensors of the same sizes again and again, so the result is kept
// under a key of all that it can depend on: the operator, settings of the process, and of each
// argument its sizes, strides, dtype, flags, how it shares memory with others, and its integers.
// The numbers of an optimizer change at every step; they are part of the key only for operators
// whose results, warnings or errors were seen to depend on them. Then the plan under the key
// without numbers says so
// (`see_numbers`), and another key with numbers is looked up. What is kept is bounded.
#pragma once

#include <c10/util/Exception.h>

#include <memory>
#include <optional>

#include "../sim/profile.h"
#include "call.h"
#include "rebindable_tensor.h"

namespace mtia::aten {

struct Input {
  int argument;       // which argument it is, or is an element of
  bool by_value;      // a scalar of the host
  bool shared;        // its storage is another argument's too: bound from the storage's start
  bool keep_content;  // if it is resized: it is read as well
  bool repeated;      // it is an argument before, which has this rebindable tensor
  TensorSpec spec;    // as the kernel finds it
  std::optional<TensorSpec> resized{};  // as the kernel leaves it, where that differs
  RebindableTensor rebindable;

  const TensorSpec& after() const { return resized ? *resized : spec; }
};

struct Output {
  bool defined;
  TensorSpec spec;
  size_t bytes;
  RebindableTensor rebindable;
};

// What a call gives back: an argument, one fresh tensor, or a list of them.
struct Return {
  int argument = kFresh;
  int first_output = 0;
  int list_size = -1;  // -1: no list
};

// How the arguments look, as integers.
using Key = c10::SmallVector<int64_t, 96>;

struct Plan {
  explicit Plan(const Operator& planned) : op(planned) {}

  const Operator& op;
  Key key;
  bool needs_values = false;  // nothing below is known: run it, and see
  bool see_numbers = false;   // nor here: there is a plan for each set of numbers
  bool numbers_matter = false;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Return> returns;
  std::vector<c10::IValue> arguments;  // with rebindable tensors for tensors
  std::vector<int> varying;            // which of them hold numbers: each call has its own
  std::vector<c10::Warning> warnings;  // that every such call gives
  bool into_outputs = false;  // the out variant writes them; else what is computed is copied
  sim::Cost cost;
};

// The plan for this call, from the cache or made now.
std::shared_ptr<const Plan> plan_for(const Call& call);

// How many plans are kept, and how many were made so far.
std::pair<int64_t, int64_t> plan_counts();

// What a key holds of a call. Numbers are what a call is given by value: those of floating point,
// which an optimizer passes anew at every step, and the host's scalars.
enum class Detail {
  Kinds,    // of what type and dtype each argument is
  Specs,    // all but the numbers
  Numbers,  // all
};

// Fills `key`; false if an argument is of a kind that no plan can be kept for.
bool make_key(const Call& call, Detail detail, Key& key);

// Whether every floating dtype can hold it, rounded. Kernels refuse a number their dtype cannot.
bool is_ordinary(double number);

}  // namespace mtia::aten
