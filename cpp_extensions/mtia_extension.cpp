// The unit that PyTorch's headers are read for, and all that this library registers with PyTorch:
//
//   guard      how C++ (torch.Stream, torch.Event, autograd) reaches the device
//   hooks      how torch.mtia and device-generic code reach it
//   allocator  where storage on the device comes from, and pinned memory on the host
//   graph      what torch.accelerator.Graph captures into and replays
//   operators  torch.ops.aten.*: how tensors compute here. One kernel for nearly all of them
//   bindings   a module of Python's: how the lab's Python package reaches the simulator
//
// Compiled alone, as PyTorch's own tests do it, this file is the whole device. MTIA_SPLIT says that
// the other unit is compiled apart and linked to it, which takes two cores half the time. What a
// unit includes shares it: local names of one folder's files must differ.
#include "backend/no_intrinsics.h"

#define AT_PER_OPERATOR_HEADERS  // else a header or two include all operators there are
#include <ATen/native/transformers/attention.h>
#include <ATen/ops/_fused_sdp_choice_native.h>

#include "backend/graph.h"
#include "backend/guard.h"
#include "backend/kineto.h"

#ifndef MTIA_SPLIT
#include "runtime.cpp"
#endif

#include "aten/call.cpp"
#include "aten/collective.cpp"
#include "aten/copy.cpp"
#include "aten/cpu_kernel.cpp"
#include "aten/dry_run.cpp"
#include "aten/factories.cpp"
#include "aten/fallback.cpp"
#include "aten/host_operators.cpp"
#include "aten/infer.cpp"
#include "aten/launch.cpp"
#include "aten/operator.cpp"
#include "aten/plan.cpp"
#include "aten/random.cpp"
#include "aten/ranges.cpp"
#include "aten/rebindable_tensor.cpp"
#include "aten/registration.cpp"
#include "backend/generator.cpp"
#include "backend/hooks.cpp"
#include "bindings/bindings.cpp"
#include "bindings/convert.cpp"
#include "bindings/records.cpp"

// [extension.register]
namespace mtia::backend {

C10_REGISTER_GUARD_IMPL(MTIA, MTIAGuardImpl)

using at::MTIAHooksRegistry;  // the macros below name what is in at:: as if it were here
using at::RegistererMTIAHooksRegistry;
REGISTER_MTIA_HOOKS(MTIAHooks)

REGISTER_ALLOCATOR(c10::DeviceType::MTIA, &allocator())
REGISTER_HOST_ALLOCATOR(c10::DeviceType::MTIA, &pinned_allocator())

using at::GraphImplRegistry;
using at::RegistererGraphImplRegistry;
REGISTER_GRAPH_IMPL(MTIA, MTIAGraphImpl)

}  // namespace mtia::backend

namespace at::native {

// Which attention to use is decided by the specs of the arguments alone, so as on the CPU.
REGISTER_MTIA_DISPATCH(_fused_sdp_choice_stub, &_fused_sdp_choice_cpp)

}  // namespace at::native

namespace mtia {
namespace {

const bool registered = [] {
  aten::register_own_kernels();
  backend::before_first_use(aten::register_fallbacks);
  return backend::register_with_kineto();
}();

}  // namespace
}  // namespace mtia
