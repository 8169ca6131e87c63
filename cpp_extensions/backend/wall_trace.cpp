#include "wall_trace.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace mtia::backend {

namespace {
Wall now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

std::string name_of(const sim::Command& command) {
  if (command.name != nullptr) {
    return *command.name;
  }
  const char* verb = command.type == sim::CommandType::Record ? "record" : "wait for";
  return std::string(verb) + " event " + std::to_string(command.event);
}
}  // namespace

void WallTrace::begin() {
  std::lock_guard<std::mutex> lock(mutex_);
  commands_.clear();
  finishes_.clear();
  streams_.clear();
  engines_.clear();
}

void WallTrace::add(const sim::Command& command, sim::StreamRef stream, size_t slots,
                    int32_t thread, uint64_t op) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Wall enqueue = now();
  Wall& stream_free = streams_[{stream.device, stream.id}];
  Wall start = std::max(enqueue, stream_free);
  if (command.after) {
    const auto before = finishes_.find(command.after->command);  // not if it came before begin()
    start = before == finishes_.end() ? start : std::max(start, before->second);
  }
  Wall finish = start;
  if (command.engine != sim::Engine::None) {
    auto& free = engines_[{stream.device, command.engine}];
    free.resize(slots);
    Wall& slot = *std::min_element(free.begin(), free.end());
    start = std::max(start, slot);
    finish = slot = start + (command.finish - command.start);
  }
  stream_free = finishes_[command.id] = finish;
  commands_.push_back({command.id, name_of(command), stream, enqueue, start, finish, thread, op});
}

std::vector<WallCommand> WallTrace::of_device(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<WallCommand> found;
  std::copy_if(commands_.begin(), commands_.end(), std::back_inserter(found),
               [device](const WallCommand& command) { return command.stream.device == device; });
  return found;
}

}  // namespace mtia::backend
