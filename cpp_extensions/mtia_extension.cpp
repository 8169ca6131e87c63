// The unit that PyTorch's headers are read for, and all that this library registers with PyTorch:
//
//   guard      how C++ (torch.Stream, torch.Event, autograd) reaches the device
//   hooks      how torch.mtia and device-generic code reach it
//   allocator  where storage on the device comes from, and pinned memory on the host
//   graph      what torch.accelerator.Graph captures into and replays
//   operators  torch.ops.aten.*: how tensors compute here. One kernel for nearly all of them
//   bindings   torch.ops.mtia_lab.*: how the lab's Python package reaches the simulator
//
// Compiled alone, as PyTorch's own tests do it, this file is the whole device. MTIA_SPLIT says that
// the other units are compiled apart and linked to it, which takes two cores half the time. What a
// unit includes shares it: local names of one folder's files must differ.
#if defined(__x86_64__) && !defined(__clang__) && __has_include(<x86gprintrin.h>)
#include <x86gprintrin.h>      // has the one instruction for which c10 includes <x86intrin.h>:
#define _X86INTRIN_H_INCLUDED  // ninety headers that g++ takes half a second to read
#endif
#define AT_PER_OPERATOR_HEADERS  // else a header or two include all operators there are
#include <ATen/native/transformers/attention.h>
#include <ATen/ops/_fused_sdp_choice_native.h>
#include <torch/library.h>

#include <deque>

#ifndef MTIA_SPLIT
#include "sim.cpp"
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
#include "aten/rebindable_tensor.cpp"
#include "backend/allocator.cpp"
#include "backend/call_log.cpp"
#include "backend/clean_thread.cpp"
#include "backend/generator.cpp"
#include "backend/graph.cpp"
#include "backend/guard.cpp"
#include "backend/hooks.cpp"
#include "backend/idle_waits.cpp"
#include "backend/kineto.cpp"
#include "backend/pinned.cpp"
#include "backend/python.cpp"
#include "backend/snapshot.cpp"
#include "backend/words.cpp"
#include "bindings/bindings.cpp"

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

// Which attention to use is decided by the specs of the arguments alone, so as on the CPU.
REGISTER_MTIA_DISPATCH(_fused_sdp_choice_stub, &_fused_sdp_choice_cpp)

}  // namespace at::native

TORCH_LIBRARY_IMPL(aten, MTIA, m) {
  namespace aten = mtia::aten;
  using c10::IValue;
  using mtia::Arguments;
  using mtia::boxed;
  m.impl("empty.memory_format", aten::empty);
  m.impl("empty_strided", boxed([](const Arguments& given) {
           return IValue(aten::empty_strided(
               given.integers(0), given.integers(1), given[2].toOptional<c10::ScalarType>(),
               given[3].toOptional<c10::Layout>(), given[4].toOptional<c10::Device>(),
               given[5].toOptional<bool>()));
         }));
  m.impl("_efficientzerotensor", boxed([](const Arguments& given) {
           return IValue(aten::efficient_zeros(
               given.integers(0), given[1].toOptional<c10::ScalarType>(),
               given[2].toOptional<c10::Layout>(), given[3].toOptional<c10::Device>(),
               given[4].toOptional<bool>()));
         }));
  m.impl("_copy_from", boxed([](const Arguments& given) {
           return IValue(aten::copy_from(given.tensor(0), given.tensor(1), given.flag(2)));
         }));
  m.impl("_copy_from_and_resize", boxed([](const Arguments& given) {
           return IValue(aten::copy_from_and_resize(given.tensor(0), given.tensor(1)));
         }));
  m.impl("_local_scalar_dense", boxed([](const Arguments& given) {
           return IValue(aten::local_scalar_dense(given.tensor(0)));
         }));
  m.impl("resize_", boxed([](const Arguments& given) {
           const auto format = given[2].toOptional<c10::MemoryFormat>();
           return IValue(aten::resize(given.tensor(0), given.integers(1), format));
         }));
  m.impl("set_.source_Storage", boxed([](const Arguments& given) {
           return IValue(aten::set_storage(given.tensor(0), given[1].toStorage()));
         }));
  m.impl(
      "set_.source_Storage_storage_offset", boxed([](const Arguments& given) {
        return IValue(aten::set_storage_at(given.tensor(0), given[1].toStorage(), given.integer(2),
                                           given.integers(3), given.integers(4)));
      }));
  m.impl("set_.source_Tensor", boxed([](const Arguments& given) {
           return IValue(aten::set_tensor(given.tensor(0), given.tensor(1)));
         }));
  m.impl("set_",
         boxed([](const Arguments& given) { return IValue(aten::set_nothing(given.tensor(0))); }));
  m.impl("record_stream", boxed([](const Arguments& given) {
           aten::record_stream(given.tensor(0), given[1].toStream());
           return IValue();
         }));
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
  static auto* const libraries = new std::deque<torch::Library>;  // never destroyed
  return libraries->emplace_back(torch::Library::IMPL, space, key, __FILE__, __LINE__);
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
const bool put_off = [] {
  backend::before_first_use(register_kernels);
  return true;
}();

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

TORCH_LIBRARY(mtia_lab, m) { mtia::bindings::define(m); }
