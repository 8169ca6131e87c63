// Everything this library registers with PyTorch, and nothing else.
//
//   guard      how C++ (torch.Stream, torch.Event, autograd) reaches the device
//   hooks      how torch.mtia and device-generic code reach it
//   allocator  where storage on the device comes from, and pinned memory on the host
//   graph      what torch.accelerator.Graph captures into and replays
//   operators  torch.ops.aten.*: how tensors compute here. One kernel for nearly all of them
//   control    torch.ops.mtia_lab.*: how the lab's Python package reaches the simulator
#include <ATen/native/transformers/attention.h>
#include <ATen/ops/_fused_sdp_choice_native.h>
#include <torch/library.h>

#include "aten/autograd.h"
#include "aten/collective.h"
#include "aten/copy.h"
#include "aten/fallback.h"
#include "aten/layouts.h"
#include "aten/native.h"
#include "backend/allocator.h"
#include "backend/first_use.h"
#include "backend/graph.h"
#include "backend/guard.h"
#include "backend/hooks.h"
#include "backend/kineto.h"
#include "backend/pinned.h"
#include "control.h"

namespace mtia::backend {

C10_REGISTER_GUARD_IMPL(MTIA, MTIAGuardImpl)

using at::MTIAHooksRegistry;
using at::RegistererMTIAHooksRegistry;
REGISTER_MTIA_HOOKS(MTIAHooks)

REGISTER_ALLOCATOR(c10::DeviceType::MTIA, &allocator())
REGISTER_HOST_ALLOCATOR(c10::DeviceType::MTIA, &pinned_allocator())

#if MTIA_LAB_TORCH_AT_LEAST(2, 12)
using at::GraphImplRegistry;
using at::RegistererGraphImplRegistry;
REGISTER_GRAPH_IMPL(MTIA, MTIAGraphImpl)
#endif

}  // namespace mtia::backend

namespace at::native {

// Which attention to use is decided by the forms of the arguments alone, so as on the CPU.
REGISTER_MTIA_DISPATCH(_fused_sdp_choice_stub, &_fused_sdp_choice_cpp)

}  // namespace at::native

TORCH_LIBRARY_IMPL(aten, MTIA, m) {
  namespace aten = mtia::aten;
  m.impl("empty.memory_format", aten::empty);
  m.impl("empty_strided", aten::empty_strided);
  m.impl("_efficientzerotensor", aten::efficient_zeros);
  m.impl("resize_", aten::resize);
  m.impl("set_.source_Storage", aten::set_storage);
  m.impl("set_.source_Storage_storage_offset", aten::set_storage_at);
  m.impl("set_.source_Tensor", aten::set_tensor);
  m.impl("set_", aten::set_nothing);
  m.impl("_copy_from", aten::copy_from);
  m.impl("_copy_from_and_resize", aten::copy_from_and_resize);
  m.impl("_local_scalar_dense", aten::local_scalar_dense);
  m.impl("record_stream", aten::record_stream);
}

// Their composite kernels would make a tensor of another layout, and fail in words of their own.
TORCH_LIBRARY_IMPL(aten, SparseCsrMTIA, m) {
  for (const char* name : {"sparse_compressed_tensor.comp_plain_value",
                           "sparse_compressed_tensor.comp_plain_value_size"}) {
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&mtia::aten::refuse_layout>());
  }
}
TORCH_LIBRARY_IMPL(aten, BackendSelect, m) {
  for (const char* name : {"_nested_tensor_from_tensor_list", "_nested_tensor_from_mask",
                           "_nested_from_padded", "_nested_view_from_buffer"}) {
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&mtia::aten::refuse_layout_here>());
  }
}

namespace mtia {
namespace {

using torch::CppFunction;

torch::Library& library(const char* space, c10::DispatchKey key) {
  return *new torch::Library(torch::Library::IMPL, space, key, __FILE__, __LINE__);
}

// For a fallback the dispatcher rewrites the tables of all its operators, which takes longer than
// everything else here: so this comes before the device is first used, not when it is loaded.
void register_kernels() {
  library("_", c10::DispatchKey::MTIA)
      .fallback(CppFunction::makeFromBoxedFunction<&aten::fallback>());
  for (const c10::DispatchKey key : aten::kOtherLayouts) {
    library("_", key).fallback(CppFunction::makeFromBoxedFunction<&aten::refuse_layout>());
  }

  // These are composite only, and would choose a library or a kernel by device, know some devices
  // only, or look whether two arguments are one. The CPU's is taken.
  torch::Library& kernels = library("aten", c10::DispatchKey::MTIA);
  for (const char* name :
       {"_convolution", "addr_", "conj_physical_", "convolution", "convolution_backward",
        "kaiser_window", "kaiser_window.periodic", "kaiser_window.beta", "ldexp.Tensor",
        "ldexp.out", "ldexp_", "mode.values", "range.out_"}) {
    kernels.impl(name, CppFunction::makeFromBoxedFunction<&aten::fallback>());
  }
  // Without an entry of their own these would take their composite kernel on MTIA, which computes
  // in another order or makes several calls of one.
  using c10::DispatchKey;
  for (const std::string& name : aten::names_with_cpu_kernel_and(
           {DispatchKey::CompositeExplicitAutograd, DispatchKey::CompositeImplicitAutograd,
            DispatchKey::CompositeExplicitAutogradNonFunctional})) {
    kernels.impl(name.c_str(), CppFunction::makeFromBoxedFunction<&aten::fallback>());
  }
  torch::Library& autograd = library("aten", c10::DispatchKey::AutogradMTIA);
  for (const std::string& name :
       aten::names_with_cpu_kernel_and({DispatchKey::CompositeImplicitAutograd})) {
    autograd.impl(name.c_str(), CppFunction::makeFromBoxedFunction<&aten::below_or_composite>());
  }
}

const bool profiled = backend::register_with_kineto();
const bool put_off = (backend::before_first_use(register_kernels), true);

}  // namespace
}  // namespace mtia

// A copy resolves conjugates and signs itself. Made real before it, they would be those of a
// temporary tensor, which the copy would then write to.
TORCH_LIBRARY_IMPL(aten, Conjugate, m) {
  m.impl("_copy_from", torch::CppFunction::makeFallthrough());
}
TORCH_LIBRARY_IMPL(aten, Negative, m) {
  m.impl("_copy_from", torch::CppFunction::makeFallthrough());
}

TORCH_LIBRARY(mtia_lab, m) {
  namespace control = mtia::control;
  m.def("initialize(int devices) -> ()", control::initialize);
  m.def("latched() -> bool", control::latched);
  m.def("shut(str why) -> ()", control::shut);
  m.def("configure(str schedule, str[] names, int[] values) -> ()", control::configure);
  m.def("schedule() -> str", control::schedule);
  m.def("plan_counts() -> int[]", control::plan_counts);
  m.def("set_poison(bool on) -> ()", control::set_poison);
  m.def("finish() -> ()", control::finish);
  m.def("launch(str name, int nanoseconds, int effect) -> ()", control::launch);
  m.def("run_on_demand(int device, int stream) -> ()", mtia::aten::run_on_demand);
  m.def(
      "collective(str name, int device, int stream, Tensor[] reads, Tensor[] writes, bool chained, "
      "int effect) -> Tensor[]",
      mtia::aten::collective);
  m.def("deliver(Tensor[] arrived, Tensor[] tensors) -> ()", mtia::aten::deliver);
  m.def("join(str name, int device, int event) -> ()", mtia::aten::join);
  m.def("host_clock() -> int", control::host_clock);
  m.def("state() -> int[]", control::state);
  m.def("thread() -> int", control::thread);
  m.def("stream_priority(int device, int stream) -> int", control::stream_priority);
  m.def("name_files(int names) -> ()", control::name_files);
  m.def("check_waits(int waits) -> ()", control::check_waits);
  m.def("watch_idle_waits() -> int", control::watch_idle_waits);
  m.def("unwatch_idle_waits(int watch) -> ()", control::unwatch_idle_waits);
  m.def("memory_now() -> int[]", control::memory_now);
  m.def("record_begin(bool host, bool values) -> int", control::record_begin);
  m.def("record_read(int position) -> str", control::record_read);
  m.def("record_end(bool host, bool values) -> ()", control::record_end);
  m.def("pickle(Tensor tensor) -> ()", control::pickle);
}
