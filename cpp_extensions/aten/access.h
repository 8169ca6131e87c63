// What memory a tensor is, as the log shows it.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "../sim/command.h"

namespace mtia::aten {

// Nothing for a tensor without elements, or in memory that only the host can use.
std::optional<sim::Access> access_to(const at::Tensor& tensor, bool write);

void note_access(sim::Command& command, const at::Tensor& tensor, bool write);

}  // namespace mtia::aten
