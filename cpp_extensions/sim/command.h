// A command: what a stream holds, and what happens to memory when its time has come.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "types.h"

namespace mtia::sim {

struct Layout;

// What a command does when it finishes. Copies share one body: a graph runs it at every replay.
class Effect {
 public:
  Effect() = default;
  template <typename Run, typename = decltype(std::declval<Run&>()())>
  Effect(Run run) : body_(std::make_shared<Body<Run>>(std::move(run))) {}

  explicit operator bool() const { return body_ != nullptr; }
  void operator()() const { body_->run(); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <typename Run>
  struct Body final : Base {
    explicit Body(Run run) : run_(std::move(run)) {}
    void run() override { run_(); }
    Run run_;
  };
  std::shared_ptr<Base> body_;
};

enum class CommandType : uint8_t { Kernel, Copy, Record, Wait };

// Which part of the device a command occupies while it runs. Copies of one direction share one
// engine; kernels and copies within the device run up to the profile's limit at once.
enum class Engine : uint8_t { None, Compute, FromHost, ToHost, Peer };
constexpr int kEngines = 5;

// What a command stands for besides what it does: the poison of a block that was freed.
enum class Marker : uint8_t { None, Poison };

// A point in a stream: right behind this command. What an event marks is one. A command that was
// captured instead of enqueued has its place in the capture for an id, and no finish.
struct StreamPoint {
  StreamRef stream;
  CommandId command = 0;
  Time finish = 0;
  CaptureId capture = 0;  // 0: none
};

// Of something that commands of any stream use one after the other, in the order they are enqueued
// in: where the last use is.
struct OrderedUses {
  std::optional<StreamPoint> last;
};

// Memory that a command reads or writes. Noted only if it will be logged.
struct Access {
  int device = 0;       // kPinned: the host's pinned memory
  int64_t address = 0;  // offset in the device's memory, or in all memory that was ever pinned
  int64_t bytes = 0;
  bool write = false;
  const Layout* layout = nullptr;  // of the tensor it is; null: bytes
  const void* at = nullptr;        // where it is in this process
};
constexpr int kPinned = -1;

struct Command {
  CommandId id = 0;
  CommandType type = CommandType::Kernel;
  Engine engine = Engine::None;
  Marker marker = Marker::None;
  Name name = nullptr;  // null for records and waits
  Time duration = 0;    // modelled
  Time enqueue = 0;
  Time start = 0;
  Time finish = 0;
  EventId event = 0;  // of records and waits, with its version
  int64_t version = 0;
  Effect prepare;  // what the host does first, every time that it is enqueued; may be empty
  Effect effect;   // may be empty
  std::optional<StreamPoint>
      after;  // not before this one: of waits, bound when the wait was called
  std::shared_ptr<OrderedUses> uses;  // it becomes the last; not before the one that was
  std::vector<Access> accesses;
  Site site;
};

}  // namespace mtia::sim
