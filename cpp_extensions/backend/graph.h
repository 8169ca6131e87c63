// Graph capture as PyTorch knows it: the hooks about graphs, for torch.mtia, and since torch 2.12
// an at::GraphImplInterface, for torch.accelerator.Graph. Both are views of sim/graph/graph.h.
#pragma once

#include <c10/core/Allocator.h>

#include "../sim/graph/graph.h"
#include "guard.h"  // MTIA_LAB_TORCH_AT_LEAST
#if MTIA_LAB_TORCH_AT_LEAST(2, 12)
#include <ATen/core/GraphImplInterface.h>
#endif

namespace mtia::backend {

// A pool is (0, number). (0, 0) stands for none.
sim::PoolId to_pool(const c10::MempoolId_t& pool);
c10::MempoolId_t from_pool(sim::PoolId pool);

#if MTIA_LAB_TORCH_AT_LEAST(2, 12)
class MTIAGraphImpl final : public at::GraphImplInterface {
 public:
  explicit MTIAGraphImpl(const at::GraphImplArgs& args);
  ~MTIAGraphImpl() override;
  void capture_begin(c10::MempoolId_t pool, at::GraphCaptureMode mode) override;
  void capture_end() override;
  void instantiate() override;
  void replay() override;
  void reset() override;
  c10::MempoolId_t pool() const override;
  void enable_debug_mode() override;
  void debug_dump(const std::string& path) override;

 private:
  sim::GraphId id_;
};
#endif

}  // namespace mtia::backend
