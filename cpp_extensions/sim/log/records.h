// What the log is made of.
// fields() hands out each field by its name in mtia_lab/log/records.py, whose class called kClass
// says what it means.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../command.h"

namespace mtia::sim {

// How fields() marks what is more than it looks: a moment, counted from a beginning that the reader
// chooses; a value of which one stands for nothing; the accesses that write, or those that read.
struct At {
  Time time;
};
template <typename T>
struct Unless {
  T none;
  const T& value;
};
struct Used {
  const std::vector<Access>& accesses;
  bool write;
};

// Which call into the backend: they are counted from where the first open recording began.
using CallId = int64_t;

struct CommandRecord {
  static constexpr const char* kClass = "Command";
  CommandId id = 0;
  const char* type = "";
  std::string name;
  StreamRef stream;
  Time enqueue = 0;
  Time start = 0;
  Time finish = 0;
  int thread = 0;
  EventId event = 0;             // 0: none
  int64_t version = 0;           // of the event
  std::vector<CommandId> after;  // what it waits for
  Site site;
  std::vector<Access> accesses;     // the memory it reads and writes
  CallId call = 0;                  // in which it was enqueued; 0: none
  const char* direction = nullptr;  // of a copy
  const char* marker = nullptr;     // what else it stands for

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("id", id);
    visit("type", type);
    visit("name", name);
    visit("device", stream.device);
    visit("stream", stream.id);
    visit("enqueue_ns", At{enqueue});
    visit("start_ns", At{start});
    visit("finish_ns", At{finish});
    visit("thread", thread);
    visit("event", Unless<EventId>{0, event});
    visit("version", Unless<int64_t>{0, version});
    visit("after", after);
    visit("site", Unless<Site>{"", site});
    visit("reads", Used{accesses, false});
    visit("writes", Used{accesses, true});
    visit("call", Unless<CallId>{0, call});
    visit("direction", direction);
    visit("marker", marker);
  }
};

// Something that happened to device memory or to pinned memory.
struct MemoryRecord {
  static constexpr const char* kClass = "Memory";
  const char* action = "";
  StreamRef stream;      // the block's; of record_stream, the one that uses it
  int owner = kPinned;   // whose memory it is: a device, or the host's pinned memory
  int64_t address = -1;  // offset in the device's memory; -1: none
  int64_t bytes = 0;
  Time time = 0;
  int thread = 0;
  Site site;
  CallId call = 0;

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("action", action);
    visit("device", stream.device);
    visit("stream", stream.id);
    visit("address", Unless<int64_t>{-1, address});
    visit("bytes", bytes);
    visit("time_ns", At{time});
    visit("thread", thread);
    visit("site", Unless<Site>{"", site});
    visit("owner", owner);
    visit("call", Unless<CallId>{0, call});
  }
};

// An operator of the host that used pinned memory, while the device may use it too.
struct HostRecord {
  static constexpr const char* kClass = "Host";
  std::string name;
  std::vector<Access> accesses;
  Time time = 0;
  int thread = 0;
  Site site;
  CallId call = 0;
  const char* marker = nullptr;

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("name", name);
    visit("reads", Used{accesses, false});
    visit("writes", Used{accesses, true});
    visit("time_ns", At{time});
    visit("thread", thread);
    visit("site", Unless<Site>{"", site});
    visit("call", Unless<CallId>{0, call});
    visit("marker", marker);
  }
};

struct Bytes {
  std::string held;
};

// What a command left in memory that it wrote: the first bytes of it.
struct ValueRecord {
  static constexpr const char* kClass = "Value";
  CommandId command = 0;
  Access access;
  Bytes data;
  Time time = 0;
  int thread = 0;
  Site site;  // the command's
  CallId call = 0;

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("command", command);
    visit("access", access);
    visit("data", data);
    visit("time_ns", At{time});
    visit("thread", thread);
    visit("site", Unless<Site>{"", site});
    visit("call", Unless<CallId>{0, call});
  }
};

// A range that the program has named. It follows in the log what happened in it.
struct RangeRecord {
  static constexpr const char* kClass = "Range";
  std::string name;
  int thread = 0;
  Time begin = 0;
  Time end = 0;
  CallId first = 0;  // the calls in it, if there are any
  CallId last = 0;
  Site site;
  CallId call = 0;

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("name", name);
    visit("thread", thread);
    visit("begin_ns", At{begin});
    visit("end_ns", At{end});
    visit("first", first);
    visit("last", last);
    visit("site", Unless<Site>{"", site});
    visit("call", Unless<CallId>{0, call});
  }
};

constexpr StreamId kAllStreams = -1;

// The host knows: of this stream, everything up to this command is done.
struct Known {
  static constexpr const char* kClass = "Known";
  int device = 0;
  StreamId stream = 0;  // kAllStreams: of every stream of the device
  CommandId command = 0;
  CommandId newest = 0;  // command there was when the host learned it

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("device", device);
    visit("stream", Unless<StreamId>{kAllStreams, stream});
    visit("command", command);
    visit("newest", newest);
  }
};

// When the host stood still, waiting for the device.
struct Wait {
  Time from;
  Time to;
};

struct CallRecord {
  static constexpr const char* kClass = "Call";
  const char* door = "";  // the way in, such as "guard" or "hooks"
  const char* name = "";  // the virtual, as PyTorch spells it
  std::string args;
  std::optional<std::string> result;
  std::optional<std::string> error;
  int thread = 0;
  Time begin = 0;                // host clock on entry
  Time end = 0;                  // and on return
  std::vector<int64_t> state{};  // device, then the current stream of each device, on return
  Site site{};
  std::vector<Wait> waits{};
  std::vector<Known> synchronized{};  // what the host learned by this call
  CallId id = 0;
  CallId call = 0;                  // that it was made in; 0: none
  std::optional<StreamRef> stream;  // that it was given
  std::vector<EventId> events{};    // likewise
  const char* marker = nullptr;     // what else it stands for
  // What happened during this call; it follows the call in the log.
  std::vector<std::variant<CommandRecord, MemoryRecord, HostRecord, ValueRecord, RangeRecord>>
      inner{};

  template <typename Visitor>
  void fields(Visitor&& visit) const {
    visit("door", door);
    visit("name", name);
    visit("args", args);
    visit("result", result);
    visit("error", error);
    visit("thread", thread);
    visit("begin_ns", At{begin});
    visit("end_ns", At{end});
    visit("state", state);
    visit("site", Unless<Site>{"", site});
    visit("waits_ns", waits);
    visit("synchronized", synchronized);
    visit("id", id);
    visit("call", Unless<CallId>{0, call});
    visit("stream", stream);
    visit("events", events);
    visit("marker", marker);
  }
};

using Record =
    std::variant<CallRecord, CommandRecord, MemoryRecord, HostRecord, ValueRecord, RangeRecord>;

}  // namespace mtia::sim
