// Everything this library registers with PyTorch, and nothing else.
//
//   guard      how C++ (torch.Stream, torch.Event, autograd) reaches the device
//   hooks      how torch.mtia and device-generic code reach it
//   allocator  where storage on the device comes from
//   operators  torch.ops.mtia_lab.*: how the lab's Python package reaches the simulator
//
// The dispatcher's MTIA key comes later.
#include <torch/library.h>

#include "backend/allocator.h"
#include "backend/guard.h"
#include "backend/hooks.h"
#include "control.h"

namespace mtia::backend {

C10_REGISTER_GUARD_IMPL(MTIA, MTIAGuardImpl)

using at::MTIAHooksRegistry;
using at::RegistererMTIAHooksRegistry;
REGISTER_MTIA_HOOKS(MTIAHooks)

REGISTER_ALLOCATOR(c10::DeviceType::MTIA, &allocator())

}  // namespace mtia::backend

TORCH_LIBRARY(mtia_lab, m) {
  namespace control = mtia::control;
  m.def("initialize(int devices) -> ()", control::initialize);
  m.def("latched() -> bool", control::latched);
  m.def("configure(str schedule, str[] names, int[] values) -> ()", control::configure);
  m.def("schedule() -> str", control::schedule);
  m.def("launch(str name, int nanoseconds, int effect) -> ()", control::launch);
  m.def("host_clock() -> int", control::host_clock);
  m.def("state() -> int[]", control::state);
  m.def("thread() -> int", control::thread);
  m.def("stream_priority(int device, int stream) -> int", control::stream_priority);
  m.def("name_files(int namer) -> ()", control::name_files);
  m.def("record_begin() -> int", control::record_begin);
  m.def("record_read(int position) -> str", control::record_read);
  m.def("record_end() -> ()", control::record_end);
}
