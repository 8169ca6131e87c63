// Collectives of torch.distributed: the device's side of them. What other processes send and
// receive is Python's matter (mtia_lab/distributed).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "../sim/command.h"

namespace mtia::aten {

// Enqueues a collective on a stream that runs on demand, behind all that the current stream of the
// device has been given, and returns host copies of the tensors: of those it writes, then of those
// it reads. The host waits for nothing in virtual time, but what they hold is computed now.
// `chained`: some come from what the stream itself was given before.
std::vector<at::Tensor> collective(const std::string& name, sim::StreamRef stream,
                                   const std::vector<at::Tensor>& reads,
                                   const std::vector<at::Tensor>& writes, bool chained,
                                   const sim::Effect& effect);

// In the effect: what has arrived on the host becomes what the tensors hold.
void deliver(const std::vector<at::Tensor>& arrived, const std::vector<at::Tensor>& tensors);

// The device's current stream waits for an event: no call of the program's own, so no hint about
// it.
void join(const std::string& name, int device, sim::EventId event);

}  // namespace mtia::aten
