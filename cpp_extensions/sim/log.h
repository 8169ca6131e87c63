// The one log: every call PyTorch makes into the backend, every command the device is given.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "command.h"

namespace mtia::sim {

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
  std::vector<Access> accesses;  // the memory it reads and writes
  Site site;
};

// Something that happened to device memory or to pinned memory.
struct MemoryRecord {
  const char* action = "";
  StreamRef stream;      // the block's; of record_stream, the one that uses it
  int owner = kPinned;   // whose memory it is: a device, or the host's pinned memory
  int64_t address = -1;  // offset in the device's memory
  int64_t bytes = 0;
  Time time = 0;
  int thread = 0;
  Site site;
};

// An operator of the host that used pinned memory, while the device may use it too.
struct HostRecord {
  std::string name;
  std::vector<Access> accesses;
  Time time = 0;
  int thread = 0;
  Site site;
};

// What a command left in memory that it wrote: the first bytes of it.
struct ValueRecord {
  CommandId command = 0;
  Access access;
  std::string bytes;
  Time time = 0;
  int thread = 0;
  Site site;  // the command's
};

// The host knows: of this stream, everything up to this command is done.
struct Known {
  int device = 0;
  StreamId stream = 0;  // kAllStreams: of every stream of the device
  CommandId command = 0;
  CommandId newest = 0;  // command there was when the host learned it
};
constexpr StreamId kAllStreams = -1;

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
  std::vector<std::pair<Time, Time>> waits{};  // when the host stood still, waiting for the device
  std::vector<Known> synchronized{};           // what the host learned by this call
  // What happened during this call; it follows the call in the log.
  std::vector<std::variant<CommandRecord, MemoryRecord, HostRecord, ValueRecord>> inner{};
};

namespace log {

constexpr int64_t kValueBytes = 256;  // of what a command wrote, at most

bool recording() noexcept;

// The reader's line that this thread is running, while recording; else nothing, at no cost.
// May take the interpreter lock, so call it before taking the simulator's mutex.
Site site() noexcept;

std::mutex& mutex() noexcept;  // for fork handlers only
void append(CallRecord record);
void append(CommandRecord record);  // to the call this thread is in, if it is in one
void append(MemoryRecord record);   // likewise, and so are the next two
void append(HostRecord record);
void append(ValueRecord record);
void waited(Time from, Time to);  // the call this thread is in, if it is in one
void synchronized(Known known);   // likewise

// Whether anybody wants to know what the host does with pinned memory, and what commands left in
// the memory they wrote.
bool wants_host() noexcept;
bool wants_values() noexcept;

// Recordings nest. begin() gives the position at which one starts; read() gives, as one JSON
// object a line, all records from there on; end() closes it, and the last end() frees the log.
int64_t begin(bool host = false, bool values = false);
std::string read(int64_t position);
void end(bool host = false, bool values = false);

}  // namespace log
}  // namespace mtia::sim
