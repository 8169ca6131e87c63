// torch.ops.mtia_lab.*: what Python may ask the simulator.
#pragma once

#include <torch/library.h>

namespace mtia::bindings {

void define(torch::Library& library);

}  // namespace mtia::bindings
