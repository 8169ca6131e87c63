// Blocks that were freed while other streams still use them.
#include "memory_device.h"

namespace mtia::sim {

// A command leaves its stream before its effect runs: while any runs, none is known to have.
bool has_run(const Recording& recording) {
  const auto& pending = stream_at(recording.stream).pending;
  const bool none = pending.empty() || pending.front().id > recording.command;
  return none && !simulator().running_effects;
}

void DeviceMemory::await(Block* block, Recording use) {
  uses_[{use.stream.device, use.stream.id}].push_back({use.command, block});
  ++block->awaited;
}

Block* DeviceMemory::next_settled() {
  for (auto entry = uses_.begin(); entry != uses_.end();) {
    const auto& [device, stream] = entry->first;
    std::deque<Use>& uses = entry->second;
    while (!uses.empty() && has_run({{device, stream}, uses.front().command})) {
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
  for (const auto& [stream, uses] : uses_) {
    const StreamRef ref{stream.first, stream.second};
    if (!uses.empty()) {
      newest.push_back({ref, uses.back().command, stream_at(ref).last_finish});
    }
  }
  return newest;
}

}  // namespace mtia::sim
