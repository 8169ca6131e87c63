// The device in torch.profiler: a plug-in of Kineto, which collects what it shows.
#pragma once

namespace mtia::backend {

// From here on `torch.profiler.profile(activities=[..., ProfilerActivity.MTIA])` sees what the
// device's streams do. Says whether it could; a PyTorch built without Kineto has no such profiler.
bool register_with_kineto();

}  // namespace mtia::backend
