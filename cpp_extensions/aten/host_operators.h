// What the host does with pinned memory: the log's other half of a race with a copy.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace mtia::aten {

// To be called when a recording has begun or ended: while the log wants to know what the host does,
// PyTorch reports every operator that is called.
void watch_host();

// Something without an operator of the host's, `name`, looks at the elements of a tensor. Nothing
// unless the log wants to know and they are in pinned memory.
void note_host_read(std::string name, const at::Tensor& tensor);

}  // namespace mtia::aten
