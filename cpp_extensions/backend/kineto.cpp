#include "kineto.h"

#if __has_include(<kineto/libkineto.h>)

#include <kineto/libkineto.h>
#include <kineto/output_base.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../sim/embedder.h"
#include "../sim/runtime.h"

namespace mtia::backend {

namespace {
using Wall = int64_t;  // nanoseconds since the epoch

struct WallCommand {
  sim::CommandId id;
  std::string name;
  sim::StreamRef stream;
  Wall enqueue, start, finish;
  int32_t thread;  // the host thread that enqueued it, by the system's number
  uint64_t op;     // the operator that enqueued it, by the profiler's number; 0: none
};

// The device has virtual time, the host is measured on the wall clock, and a profiler has one
// axis. So the device is shown as if it had been fed at the pace of the wall clock: a command
// starts when it was really enqueued, or later by the simulator's start rule (see place() in
// sim/internal/enqueue.cpp), and takes its virtual duration, which is exact. But the host never
// waits for the device in wall-clock time: a synchronization may return before the bar ends.
class WallTrace {
 public:
  // Forgets what it has, and starts with a device that has nothing to do.
  void begin();
  // What an observer gets, and which thread and which operator gave the command.
  void add(const sim::Command& command, sim::StreamRef stream, size_t slots, int32_t thread,
           uint64_t op);
  std::vector<WallCommand> of_device(int device);

 private:
  std::mutex mutex_;
  std::vector<WallCommand> commands_;
  // When each stream and each slot of an engine is free: by device, engine (none for streams), and
  // the number of the stream or of the slot.
  std::map<std::tuple<int, sim::Engine, int64_t>, Wall> free_;
};

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

void WallTrace::begin() {
  std::lock_guard<std::mutex> lock(mutex_);
  commands_.clear();
  free_.clear();
}

void WallTrace::add(const sim::Command& command, sim::StreamRef stream, size_t slots,
                    int32_t thread, uint64_t op) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Wall enqueue = now();
  Wall& stream_free = free_[{stream.device, sim::Engine::None, stream.id}];
  Wall start = std::max(enqueue, stream_free);
  if (command.after) {
    const sim::CommandId id = command.after->command;  // not there if it came before begin()
    for (auto before = commands_.rbegin(); before != commands_.rend() && before->id >= id;
         ++before) {
      start = before->id == id ? std::max(start, before->finish) : start;
    }
  }
  Wall finish = start;
  if (command.engine != sim::Engine::None) {
    Wall* slot = &free_[{stream.device, command.engine, 0}];
    for (size_t i = 1; i < slots; ++i) {
      Wall& other = free_[{stream.device, command.engine, static_cast<int64_t>(i)}];
      slot = other < *slot ? &other : slot;
    }
    start = std::max(start, *slot);
    finish = *slot = start + (command.finish - command.start);
  }
  stream_free = finish;
  commands_.push_back({command.id, name_of(command), stream, enqueue, start, finish, thread, op});
}

std::vector<WallCommand> WallTrace::of_device(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<WallCommand> found;
  std::copy_if(commands_.begin(), commands_.end(), std::back_inserter(found),
               [device](const WallCommand& command) { return command.stream.device == device; });
  return found;
}

using libkineto::ActivityType;
using libkineto::GenericTraceActivity;
using Activities = std::set<ActivityType>;
using SessionPtr = std::unique_ptr<libkineto::IActivityProfilerSession>;

// Kineto's numbers of the operators that this thread is in, while profile `profile` is taken.
struct Operators {
  int64_t profile = 0;
  std::vector<uint64_t> stack;
};

std::atomic<int64_t> profiles{0};  // begun in this process
thread_local Operators operators;

std::vector<uint64_t>& open_operators() {
  if (operators.profile != profiles) {  // what was open when an earlier profile ended
    operators = {profiles, {}};
  }
  return operators.stack;
}

WallTrace& trace() {
  static auto* const instance =
      new WallTrace;  // never destroyed: PyTorch's statics may outlive ours
  return *instance;
}

void observe(const sim::Command& command, sim::StreamRef stream, size_t slots) {
  const auto& open = open_operators();
  trace().add(command, stream, slots, libkineto::systemThreadId(), open.empty() ? 0 : open.back());
}

libkineto::ResourceInfo stream_info(int device, sim::StreamId id) {
  using Info = libkineto::ResourceInfo;
  const std::string name = "stream " + std::to_string(id);
  // Since torch 2.13 it has no constructor, whose arguments came in another order than its fields.
  return std::is_aggregate_v<Info> ? Info{id, id, device, name} : Info{device, id, id, name};
}

// Kineto knows one device a session, so there is one for each; that of device 0 listens for all.
class Session final : public libkineto::IActivityProfilerSession {
 public:
  explicit Session(int device) : device_(device) {}
  ~Session() override { stop_listening(); }

  // Contract: from here on until stop(), collect.
  void start() override {
    if (device_ == 0) {
      ++profiles;
      trace().begin();
      sim::set_observer(observe);
    }
    status_ = libkineto::TraceStatus::RECORDING;
  }
  // Contract: collect no more; processTrace() comes next.
  void stop() override {
    stop_listening();
    status_ = libkineto::TraceStatus::PROCESSING;
  }
  std::vector<std::string> errors() override { return {}; }

  // Contract: hand over what was collected. Kineto calls the form with more arguments.
  void processTrace(libkineto::ActivityLogger& logger) override {
    processTrace(logger, [](int32_t) { return nullptr; }, 0, 0);
  }
  void processTrace(libkineto::ActivityLogger& logger, libkineto::getLinkedActivityCallback linked,
                    int64_t from, int64_t to) override {
    span_.startTime = from;
    span_.endTime = to;
    for (const WallCommand& command : trace().of_device(device_)) {
      streams_.insert(command.stream.id);
      const auto* op = linked(static_cast<int32_t>(command.op));
      logger.handleGenericActivity(host_side(command, op));
      logger.handleGenericActivity(device_side(command, op));
    }
  }

  // Contract: after processTrace(), what to call the device and its streams.
  std::unique_ptr<libkineto::DeviceInfo> getDeviceInfo() override {
    const std::string number = std::to_string(device_);
    // The order puts it below the host, where Kineto puts devices.
    return std::make_unique<libkineto::DeviceInfo>(libkineto::DeviceInfo{
        device_, libkineto::kExceedMaxPid + device_, "mtia:" + number, "MTIA " + number});
  }
  std::vector<libkineto::ResourceInfo> getResourceInfos() override {
    std::vector<libkineto::ResourceInfo> infos;
    for (const sim::StreamId stream : streams_) {
      infos.push_back(stream_info(device_, stream));
    }
    return infos;
  }
  std::unique_ptr<libkineto::CpuTraceBuffer> getTraceBuffer() override { return nullptr; }

  // Contract: on the thread that enters and leaves an operator, with the operator's number.
  void pushCorrelationId(uint64_t id) override {
    if (device_ == 0) {
      open_operators().push_back(id);
    }
  }
  void popCorrelationId() override {
    if (device_ == 0 && !open_operators().empty()) {
      open_operators().pop_back();
    }
  }

 private:
  void stop_listening() const {
    if (device_ == 0) {
      sim::set_observer(nullptr);
    }
  }
  GenericTraceActivity host_side(const WallCommand& command,
                                 const libkineto::ITraceActivity* op) const {
    GenericTraceActivity activity(span_, ActivityType::MTIA_RUNTIME, "enqueue");
    activity.device = libkineto::processId();
    activity.resource = command.thread;
    activity.startTime = activity.endTime = command.enqueue;
    return joined(std::move(activity), command, op, true);
  }
  GenericTraceActivity device_side(const WallCommand& command,
                                   const libkineto::ITraceActivity* op) const {
    GenericTraceActivity activity(span_, ActivityType::MTIA_CCP_EVENTS, command.name);
    activity.device = device_;
    activity.resource = static_cast<int32_t>(command.stream.id);
    activity.startTime = command.start;
    activity.endTime = command.finish;
    return joined(std::move(activity), command, op, false);
  }
  // With the arrow from the one to the other, and the operator that both belong to.
  static GenericTraceActivity joined(GenericTraceActivity activity, const WallCommand& command,
                                     const libkineto::ITraceActivity* op, bool begins) {
    activity.id = static_cast<int32_t>(command.id);
    activity.threadId = command.thread;
    activity.flow.id = static_cast<uint32_t>(command.id);
    activity.flow.type = libkineto::kLinkAsyncCpuGpu;
    activity.flow.start = begins;
    activity.linked = op;
    return activity;
  }

  int device_;
  libkineto::TraceSpan span_{0, 0, "mtia_lab"};
  std::set<sim::StreamId> streams_;
};

class Plugin final : public libkineto::IActivityProfiler {
 public:
  explicit Plugin(int device) : device_(device) {}

  // Contract: for log messages.
  const std::string& name() const override {
    static const std::string text = "mtia_lab";
    return text;
  }
  // Contract: the types of activity that it may hand over.
  const Activities& availableActivities() const override {
    static const Activities types{ActivityType::MTIA_RUNTIME, ActivityType::MTIA_CCP_EVENTS};
    return types;
  }
  // Contract: a session for one profile, or null if it has nothing of what was asked for.
  SessionPtr configure(const Activities& types, const libkineto::Config&) override {
    const bool wanted = types.count(ActivityType::MTIA_CCP_EVENTS) != 0;
    return wanted && device_ < sim::device_count() ? std::make_unique<Session>(device_) : nullptr;
  }
  SessionPtr configure(int64_t, int64_t, const Activities& types,
                       const libkineto::Config& config) override {
    return configure(types, config);
  }

 private:
  int device_;
};
}  // namespace

bool register_with_kineto() {
  for (int device = 0; device < sim::kMaxDevices; ++device) {
    libkineto::api().registerProfilerFactory([device] { return std::make_unique<Plugin>(device); });
  }
  return true;
}

}  // namespace mtia::backend

#else

namespace mtia::backend {
bool register_with_kineto() { return false; }
}  // namespace mtia::backend

#endif
