// A dry run: the CPU's kernel of a call, run on memory of the host's own. What it does there, it
// will do on the device. See Note [Predicted and dry-run shapes] in infer.h.
#pragma once

#include "plan.h"

namespace mtia::aten {

// What stands in the tensors' memory meanwhile, since the device's is not to be looked at. Some
// kernels refuse zeros, as a singular matrix; some refuse anything else, as an index.
enum class Content {
  Zeros,
  Units,  // matrices with a 1 in each row, square ones the identity; others 1, 0, 0, 1, ...
  Masks,  // units in masks, zeros in all else: what an index of 1 is outside of may be masked
  Ones,   // a 1 everywhere: integers are divided by no zero
};

// Stands for each number in one of the arguments.
struct OtherNumber {
  int argument;
  double value;
};

struct DryRun {
  torch::jit::Stack results;
  std::vector<TensorSpec> after;  // of the inputs
  std::vector<c10::Warning> warnings;

  std::vector<int64_t> sizes() const;  // of all it gives, one after the other, and their dtypes
};

// Runs the kernel on the arguments as the plan has them. Throws what the kernel throws, and leaves
// the plan's tensors as they were.
DryRun dry_run(const Call& call, const Plan& plan, Content content,
               std::optional<OtherNumber> other = std::nullopt);

// Whether what the kernel gives, warns of or refuses could depend on a number: each is replaced by
// some that kernels are known to refuse. `usual` is what it does with the call's own.
bool numbers_matter(const Call& call, const Plan& plan, Content content, const DryRun& usual);

}  // namespace mtia::aten
