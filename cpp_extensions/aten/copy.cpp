#include "copy.h"

#include <c10/macros/Export.h>

#include <cstring>

#include "../backend/call_log.h"
#include "../backend/convert.h"
#include "../backend/pinned.h"
#include "../sim/graph/graph.h"
#include "../sim/log/log.h"
#include "../sim/memory/allocator.h"
#include "../sim/runtime.h"
#include "call.h"
#include "cpu_kernel.h"
#include "factories.h"
#include "fallback.h"

// As <ATen/ExpandUtils.h> declares it, which includes operators that nothing here needs.
namespace at {
TORCH_API std::vector<int64_t> infer_size(IntArrayRef a, IntArrayRef b);
}  // namespace at

namespace mtia::aten {

namespace {
using sim::Engine;

// Raw memory and how a tensor lies in it: what a copy engine needs. It keeps nothing alive.
class Region {
 public:
  explicit Region(const at::Tensor& tensor)
      : memory_(address_of(tensor)), spec_(TensorSpec::of(tensor)) {}

  // What the device is to write reads as poison until it has, unless a copy that comes before it
  // still has to read what is there. A host that looks too soon would else see what an earlier
  // download left, often the very values that it hopes for.
  void hide() const {
    if (sim::hides_downloads() && !backend::pinned_allocator().is_uploaded(memory_, bytes())) {
      poison(static_cast<char*>(memory_), 0);
    }
  }

  size_t bytes() const { return spec_.span(); }  // from the first element to the last one's end

  at::Tensor tensor() const {
    const RebindableTensor rebindable(spec_, c10::DispatchKey::CPU, spec_.span());
    rebindable.bind(memory_);
    return rebindable.tensor();
  }

 private:
  void poison(char* at, size_t dim) const {  // the bytes between elements are somebody else's
    const auto item = static_cast<int64_t>(c10::elementSize(spec_.dtype));
    if (dim == spec_.sizes.size() || spec_.contiguous) {
      std::memset(at, sim::kPoison,
                  static_cast<size_t>(spec_.contiguous ? spec_.numel() * item : item));
      return;
    }
    for (int64_t i = 0; i < spec_.sizes[dim]; ++i) {
      poison(at + i * spec_.strides[dim] * item, dim + 1);
    }
  }

  void* memory_;
  TensorSpec spec_;
};

bool is_pinned(const at::Tensor& tensor) { return backend::is_pinned(tensor.storage().data()); }

// The host allocator keeps pinned memory from being reused before the copy is done.
void keep_until_copied(const at::Tensor& pinned, sim::StreamRef stream) {
  const at::DataPtr& memory = pinned.storage().data_ptr();
  backend::pinned_allocator().record_event(pinned.data_ptr(), memory.get_context(),
                                           backend::to_stream(stream));
}

// Whether what a copy to pinned memory of the host is to write may have to be hidden: now, or when
// what is being captured is replayed.
bool may_hide(sim::StreamRef stream) { return sim::hides_downloads() || sim::is_capturing(stream); }

// Enqueues a copy on `stream`. `owner`, if given, is host memory to keep until then.
sim::StreamPoint enqueue(sim::StreamRef stream, Engine engine, const at::Tensor& from,
                         const at::Tensor& to, const at::Tensor& owner = {}) {
  static const sim::Name kToDevice = sim::intern("H2D"), kToHost = sim::intern("D2H"),
                         kToPeer = sim::intern("P2P");
  sim::Command command;
  command.type = sim::CommandType::Copy;
  command.engine = engine;
  command.name = engine == Engine::FromHost ? kToDevice
                 : engine == Engine::ToHost ? kToHost
                                            : kToPeer;
  if (sim::wants_accesses()) {
    note_access(command, from, false);
    note_access(command, to, true);
  }
  command.effect = [from = Region(from), to = Region(to), owner, settings = Settings::now()] {
    const KernelState state(settings);
    to.tensor().copy_(from.tensor());
  };
  if (engine == Engine::ToHost && !owner.defined() && may_hide(stream)) {  // the host goes on
    command.prepare = [to = Region(to)] { to.hide(); };
  }
  sim::Cost cost;
  cost.link_bytes = static_cast<int64_t>(std::min(from.nbytes(), to.nbytes()));
  return sim::submit(stream, std::move(command), cost);
}

// [copy.from_host]
// A blocking copy waits for the stream. From pageable memory the bytes first go through a buffer
// of the driver, so that the host is busy with it even for a non-blocking copy: CUDA's
// documentation calls such a copy synchronous with respect to the host, but for the last transfer.
void from_host(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const sim::StreamRef stream = sim::current_stream(to.get_device());
  if (non_blocking && is_pinned(from)) {
    const sim::StreamPoint end = enqueue(stream, Engine::FromHost, from, to);
    keep_until_copied(from, stream);
    if (may_hide(stream)) {
      backend::pinned_allocator().note_upload(address_of(from), Region(from).bytes(), end);
    }
    return;
  }
  sim::check_not_capturing(stream, "this copy from the host");
  if (non_blocking) {
    sim::synchronize_stream(stream);
    sim::stage(static_cast<int64_t>(from.nbytes()));
    copy_to_device(from.clone(), to);
  } else {
    enqueue(stream, Engine::FromHost, from, to, from);
    sim::synchronize_stream(stream);
  }
}

// [copy.to_host]
// Pageable memory is written by the host itself, so that it must wait whatever was asked for.
void to_host(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const sim::StreamRef stream = sim::current_stream(from.get_device());
  const bool asynchronous = non_blocking && is_pinned(to);
  if (!asynchronous) {
    sim::check_not_capturing(stream, "this copy to the host");
  }
  enqueue(stream, Engine::ToHost, from, to, asynchronous ? at::Tensor() : to);
  if (asynchronous) {
    keep_until_copied(to, stream);
  } else {
    sim::synchronize_stream(stream);
  }
}

// [copy.to_peer]
// The copy runs on the source's stream. The destination's stream must be done with the memory
// before, and not go on until after: an event each way, as PyTorch does on CUDA.
void to_peer(const at::Tensor& from, const at::Tensor& to) {
  const sim::StreamRef source = sim::current_stream(from.get_device());
  const sim::StreamRef target = sim::current_stream(to.get_device());
  const auto wait = [](sim::StreamRef waiting, sim::StreamRef for_this) {
    const sim::EventId event = sim::record(0, for_this, false);
    sim::wait(event, waiting);
    sim::destroy_event(event);
  };
  wait(source, target);
  enqueue(source, Engine::Peer, from, to);
  wait(target, source);
}

void within_device(const at::Tensor& from, const at::Tensor& to) {
  static const Operator& op = operator_of(find("aten::copy_", ""));
  torch::jit::Stack stack{to, from, false};
  execute(op, stack);
}

std::string text_of(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  return describe(c10::IValue(from)) + " " + from.device().str() + " to " + to.device().str() +
         (non_blocking ? ", non_blocking" : "");
}
}  // namespace

void copy_to_device(const at::Tensor& from, const at::Tensor& to) {
  enqueue(sim::current_stream(to.get_device()), Engine::FromHost, from, to, from);
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& to, bool non_blocking) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      self.layout() == c10::kStrided && to.layout() == c10::kStrided,
      "the simulated device has no ", self.layout() == c10::kStrided ? to.layout() : self.layout(),
      " tensors: its kernels work on strided memory. Copy the dense tensor: x.to_dense()");
  const std::vector<int64_t> shape = at::infer_size(to.sizes(), self.sizes());
  TORCH_CHECK(to.sizes() == shape, "output with shape ", to.sizes(),
              " doesn't match the broadcast shape ", at::IntArrayRef(shape));
  if (to.numel() == 0) {
    return to;
  }
  check_in_storage(self, "copy_");
  check_in_storage(to, "copy_");
  own_memory(to);
  const at::Tensor from = self.expand(to.sizes());
  const auto copy = [&] {
    if (from.is_mtia() && to.is_mtia()) {
      if (from.device() == to.device()) {
        within_device(from, to);
      } else {
        to_peer(from, to);
      }
    } else if (to.is_mtia()) {
      TORCH_CHECK(from.is_cpu(), "cannot copy from ", from.device(), " to ", to.device(),
                  ": no link joins them. Go through the host: x.cpu().to('mtia')");
      from_host(from, to, non_blocking);
    } else {
      TORCH_CHECK(to.is_cpu(), "cannot copy from ", from.device(), " to ", to.device(),
                  ": no link joins them. Go through the host: x.cpu()");
      to_host(from, to, non_blocking);
    }
  };
  if (!sim::log::recording()) {
    copy();
  } else {
    backend::logged("aten", "_copy_from", copy, text_of(from, to, non_blocking));
  }
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

// [copy.local_scalar_dense]
at::Scalar local_scalar_dense(const at::Tensor& self) {
  TORCH_CHECK(self.numel() > 0, "_local_scalar_dense: Empty tensor not supported");
  const HostScalar number(self.scalar_type());
  backend::logged(
      "aten", "_local_scalar_dense",
      [&] { to_host(self.as_strided({}, {}), number.tensor(), false); },
      std::string("waits for the stream"));
  return number.value();
}

}  // namespace mtia::aten
