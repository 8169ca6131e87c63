// What the log is made of. fields() hands out the fields of a record in the order in which Python's
// class for it has them: mtia_lab/log/records.py, which says what each of them means.
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
  auto fields(Visitor&& visit) const {
    return visit(id, type, name, stream.device, stream.id, At{enqueue}, At{start}, At{finish},
                 thread, Unless<EventId>{0, event}, Unless<int64_t>{0, version}, after,
                 Unless<Site>{"", site}, Used{accesses, false}, Used{accesses, true},
                 Unless<CallId>{0, call}, direction, marker);
  }
};

// Something that happened to device memory or to pinned memory.
struct MemoryRecord {
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
  auto fields(Visitor&& visit) const {
    return visit(action, stream.device, stream.id, Unless<int64_t>{-1, address}, bytes, At{time},
                 thread, Unless<Site>{"", site}, owner, Unless<CallId>{0, call});
  }
};

// An operator of the host that used pinned memory, while the device may use it too.
struct HostRecord {
  std::string name;
  std::vector<Access> accesses;
  Time time = 0;
  int thread = 0;
  Site site;
  CallId call = 0;
  const char* marker = nullptr;

  template <typename Visitor>
  auto fields(Visitor&& visit) const {
    return visit(name, Used{accesses, false}, Used{accesses, true}, At{time}, thread,
                 Unless<Site>{"", site}, Unless<CallId>{0, call}, marker);
  }
};

struct Bytes {
  std::string held;
};

// What a command left in memory that it wrote: the first bytes of it.
struct ValueRecord {
  CommandId command = 0;
  Access access;
  Bytes data;
  Time time = 0;
  int thread = 0;
  Site site;  // the command's
  CallId call = 0;

  template <typename Visitor>
  auto fields(Visitor&& visit) const {
    return visit(command, access, data, At{time}, thread, Unless<Site>{"", site},
                 Unless<CallId>{0, call});
  }
};

constexpr StreamId kAllStreams = -1;

// The host knows: of this stream, everything up to this command is done.
struct Known {
  int device = 0;
  StreamId stream = 0;  // kAllStreams: of every stream of the device
  CommandId command = 0;
  CommandId newest = 0;  // command there was when the host learned it

  template <typename Visitor>
  auto fields(Visitor&& visit) const {
    return visit(device, Unless<StreamId>{kAllStreams, stream}, command, newest);
  }
};

// When the host stood still, waiting for the device.
struct Wait {
  Time from;
  Time to;
};

struct CallRecord {
  const char* door;  // the way in, such as "guard" or "hooks"
  const char* name;  // the virtual, as PyTorch spells it
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
  std::vector<std::variant<CommandRecord, MemoryRecord, HostRecord, ValueRecord>> inner{};

  template <typename Visitor>
  auto fields(Visitor&& visit) const {
    return visit(door, name, args, result, error, thread, At{begin}, At{end}, state,
                 Unless<Site>{"", site}, waits, synchronized, id, Unless<CallId>{0, call}, stream,
                 events, marker);
  }
};

using Record = std::variant<CallRecord, CommandRecord, MemoryRecord, HostRecord, ValueRecord>;

}  // namespace mtia::sim
