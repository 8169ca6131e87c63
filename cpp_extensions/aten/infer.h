// What an operator will give back, found without computing on the device.
//
// Note [Predicted and dry-run shapes]. The outputs of an operator are allocated when it is
// enqueued, before its kernel runs, so their sizes, strides and dtypes must be known then. Meta
// kernels predict them, but many differ from the CPU's kernel: they resize every `out`, lose
// strides, and check less. Here the CPU's kernel is the authority. An operator of ATen is tried in
// a dry run: its own kernel, on memory of the host that holds zeros or ones, with tensors of the
// same specs. That also shows the warnings and the errors which depend on shapes and numbers, so
// that they come with the call, as on the CPU. Only what depends on the values in device memory
// comes later, at a synchronization. A kernel registered by a program may have side effects, so it
// is not run twice: what it gives back is predicted by its fake (meta) kernel, and compared when it
// has run.
#pragma once

#include "plan.h"

namespace mtia::aten {

// Fills in all of `plan` but its key and its cost; false if the sizes are known only
// once the operator has run on the device's own values.
bool infer(const Call& call, Plan& plan);

}  // namespace mtia::aten
