// Graph capture as PyTorch knows it: the hooks about graphs, for torch.mtia, and an
// at::GraphImplInterface, for torch.accelerator.Graph. Both are views of sim/graph/graph.h.
#pragma once

#include <ATen/core/GraphImplInterface.h>
#include <c10/core/Allocator.h>

#include "../sim/graph/graph.h"

namespace mtia::backend {

// A pool is (0, number). (0, 0) stands for none.
sim::PoolId to_pool(const c10::MempoolId_t& pool);
c10::MempoolId_t from_pool(sim::PoolId pool);

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

}  // namespace mtia::backend
