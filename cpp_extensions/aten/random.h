// Sequences of random numbers: operators draw from a generator of the device in the order of their
// enqueueing. Two threads that draw from one generator must be ordered by their owner, as on the
// CPU.
#pragma once

#include <memory>

#include "../backend/generator.h"
#include "call.h"

namespace mtia::aten {

// Where what the operator fills lies: on the device of its tensors, or on the one asked for.
c10::Device filled_device(const Call& call);

// Throws PyTorch's own error if the generator that is given does not draw for the device.
void check_generator(const Call& call);

// What the operator draws from; null unless it is random.
std::shared_ptr<backend::Sequence> sequence_for(const Call& call);

}  // namespace mtia::aten
