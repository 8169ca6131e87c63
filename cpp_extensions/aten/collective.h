// Collectives of torch.distributed: the device's side of them. What other processes send and
// receive is Python's matter (mtia_lab/distributed.py).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace mtia::aten {

// From here on the stream's work runs when somebody waits for it, since another process has to do
// its part first.
void run_on_demand(int64_t device, int64_t stream);

// Enqueues a collective on a stream that runs on demand, behind all that the current stream of the
// device has been given, and returns host copies of the tensors: of those it writes, then of those
// it reads. The host waits for nothing in virtual time, but what they hold is computed now.
// `chained`: some come from what the stream itself was given before. `effect` is id(callable).
std::vector<at::Tensor> collective(std::string name, int64_t device, int64_t stream,
                                   std::vector<at::Tensor> reads, std::vector<at::Tensor> writes,
                                   bool chained, int64_t effect);

// In the effect: what has arrived on the host becomes what the tensors hold.
void deliver(std::vector<at::Tensor> arrived, std::vector<at::Tensor> tensors);

// The device's current stream waits for an event: no call of the program's own, so no hint about
// it.
void join(std::string name, int64_t device, int64_t event);

}  // namespace mtia::aten
