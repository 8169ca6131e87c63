#include "collective.h"

#include <algorithm>

#include "../backend/call_log.h"
#include "../sim/graph/graph.h"
#include "../sim/memory/protection.h"
#include "../sim/runtime.h"
#include "call.h"
#include "cpu_kernel.h"
#include "factories.h"

namespace mtia::aten {

namespace {
constexpr const char* kDoor = "distributed";

// The memory of a tensor of the device as one of the CPU.
at::Tensor on_host(const at::Tensor& tensor) {
  const TensorSpec spec = TensorSpec::of(tensor);
  const RebindableTensor rebindable(spec, c10::DispatchKey::CPU, spec.span());
  rebindable.bind(address_of(tensor));
  return rebindable.tensor();
}

int64_t bytes_of(const std::vector<at::Tensor>& tensors) {
  int64_t bytes = 0;
  for (const at::Tensor& tensor : tensors) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return bytes;
}

sim::Command command_of(const std::string& name, const std::vector<at::Tensor>& reads,
                        const std::vector<at::Tensor>& writes, const sim::Effect& effect) {
  sim::Command command;
  command.engine = sim::Engine::Peer;
  command.name = sim::intern(name);
  if (sim::wants_accesses()) {
    for (const at::Tensor& tensor : reads) {
      note_access(command, tensor, false);
    }
    for (const at::Tensor& tensor : writes) {
      note_access(command, tensor, true);
    }
  }
  command.effect = effect;
  return command;
}

std::vector<at::Tensor> begin(const std::string& name, sim::StreamRef stream,
                              const std::vector<at::Tensor>& reads,
                              const std::vector<at::Tensor>& writes, bool chained,
                              const sim::Effect& effect) {
  const sim::StreamRef caller = sim::current_stream(stream.device);
  sim::check_not_capturing(caller, "a collective");
  const sim::EventId event = sim::record(0, caller, false);
  sim::wait(event, stream);
  sim::destroy_event(event);
  sim::demand(chained ? stream : caller);
  std::vector<at::Tensor> copies;
  const KernelState state(Settings::now());
  const sim::OpenMemory open;  // the host does it for the device, whose memory this is
  for (const auto* tensors : {&writes, &reads}) {
    for (const at::Tensor& tensor : *tensors) {
      copies.push_back(on_host(tensor).clone(at::MemoryFormat::Contiguous));
    }
  }
  sim::Cost cost;
  cost.link_bytes = std::max(bytes_of(reads), bytes_of(writes));
  sim::submit(stream, command_of(name, reads, writes, effect), cost);
  return copies;
}
}  // namespace

std::vector<at::Tensor> collective(const std::string& name, sim::StreamRef stream,
                                   const std::vector<at::Tensor>& reads,
                                   const std::vector<at::Tensor>& writes, bool chained,
                                   const sim::Effect& effect) {
  std::vector<at::Tensor> copies;
  const auto call = [&] { copies = begin(name, stream, reads, writes, chained, effect); };
  if (!sim::log::recording()) {
    call();
  } else {
    backend::logged(kDoor, sim::intern(name)->c_str(), call,
                    describe(c10::IValue(reads.empty() ? writes : reads)));
  }
  return copies;
}

void deliver(const std::vector<at::Tensor>& arrived, const std::vector<at::Tensor>& tensors) {
  const KernelState state(Settings::now());
  for (size_t i = 0; i < tensors.size(); ++i) {
    on_host(tensors[i]).copy_(arrived.at(i));
  }
}

void join(const std::string& name, int device, sim::EventId event) {
  const auto wait = [&] { sim::wait(event, sim::current_stream(device)); };
  backend::logged(kDoor, "wait", wait, name);
}

}  // namespace mtia::aten
