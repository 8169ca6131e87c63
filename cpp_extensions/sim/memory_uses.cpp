// Blocks that were freed while other streams still use them.
#include "graph_capture.h"
#include "memory_device.h"

namespace mtia::sim {

// A command leaves its stream before its effect runs: while any runs, none is known to have.
bool has_run(const Recording& recording) {
  if (recording.capture != 0) {
    return is_gone(recording.capture);
  }
  const auto& pending = stream_at(recording.stream).pending;
  const bool none = pending.empty() || pending.front().id > recording.command;
  return none && !simulator().running_effects;
}

void DeviceMemory::await(Block* block, Recording use) {
  uses_[{use.stream.device, use.stream.id, use.capture}].push_back({use, block});
  ++block->awaited;
}

Block* DeviceMemory::next_settled() {
  for (auto entry = uses_.begin(); entry != uses_.end();) {
    std::deque<Use>& uses = entry->second;
    while (!uses.empty() && has_run(uses.front().recording)) {
      Block* block = uses.front().block;
      uses.pop_front();
      if (--block->awaited == 0) {
        return block;
      }
    }
    entry = uses.empty() ? uses_.erase(entry) : std::next(entry);
  }
  return nullptr;
}

std::vector<Recording> DeviceMemory::awaited() const {
  std::vector<Recording> newest;
  for (const auto& [key, uses] : uses_) {
    if (!uses.empty() && uses.back().recording.capture == 0) {
      newest.push_back(uses.back().recording);
    }
  }
  return newest;
}

}  // namespace mtia::sim
