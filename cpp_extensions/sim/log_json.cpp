#include "log_json.h"

#include <utility>

#include "text.h"

namespace mtia::sim::log {

namespace {
// Writes one flat JSON object. Keys are ours; only values need escaping.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += "}\n"; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Object& field(const char* key, int64_t value) {
    this->key(key);
    out_ += std::to_string(value);
    return *this;
  }
  Object& field(const char* key, const std::string& value) {
    this->key(key);
    string(value);
    return *this;
  }
  Object& field(const char* key, const std::optional<std::string>& value) {
    this->key(key);
    value ? string(*value) : void(out_ += "null");
    return *this;
  }
  Object& field(const char* key, const std::vector<int64_t>& values) {
    this->key(key);
    const char* separator = "[";
    for (int64_t value : values) {
      out_ += separator + std::to_string(value);
      separator = ",";
    }
    out_ += values.empty() ? "[]" : "]";
    return *this;
  }
  Object& field(const char* key, const Access& access) {
    this->key(key);
    one(access);
    return *this;
  }
  // Those that write, or those that only read.
  Object& field(const char* key, const std::vector<Access>& accesses, bool write) {
    this->key(key);
    const char* separator = "[";
    for (const Access& access : accesses) {
      if (access.write == write) {
        out_ += separator;
        one(access);
        separator = ",";
      }
    }
    out_ += *separator == '[' ? "[]" : "]";
    return *this;
  }

 private:
  void one(const Access& access) {
    out_ += "[" + std::to_string(access.device) + "," + std::to_string(access.address) + "," +
            std::to_string(access.bytes) + ",";
    string(access.tensor);
    out_ += "]";
  }
  void key(const char* key) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    out_ += key;
    out_ += "\":";
  }
  void string(const std::string& value) {
    static const char* hex = "0123456789abcdef";
    out_ += '"';
    for (size_t at = 0; at < value.size();) {
      const char c = value[at];
      const size_t length = utf8_length(value, at);
      if (length == 0) {  // as Python's "surrogateescape" reads it
        ((out_ += "\\udc") += hex[(c >> 4) & 15]) += hex[c & 15];
      } else if (c == '"' || c == '\\') {
        (out_ += '\\') += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        ((out_ += "\\u00") += hex[c >> 4]) += hex[c & 15];
      } else {
        out_.append(value, at, length);
      }
      at += length == 0 ? 1 : length;
    }
    out_ += '"';
  }

  std::string& out_;
  bool first_ = true;
};

// (from, to) of each wait, one after the other.
std::vector<int64_t> pairs(const std::vector<std::pair<Time, Time>>& waits) {
  std::vector<int64_t> flat;
  for (const auto& [from, to] : waits) {
    flat.insert(flat.end(), {from, to});
  }
  return flat;
}

// (device, stream, command, newest) one after the other.
std::vector<int64_t> numbers(const std::vector<Known>& points) {
  std::vector<int64_t> flat;
  for (const Known& point : points) {
    flat.insert(flat.end(), {point.device, point.stream, point.command, point.newest});
  }
  return flat;
}

std::string hex(const std::string& bytes) {
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    (text += digits[byte >> 4]) += digits[byte & 15];
  }
  return text;
}
}  // namespace

void write(std::string& out, const CallRecord& r) {
  Object(out)
      .field("kind", std::string("call"))
      .field("door", std::string(r.door))
      .field("name", std::string(r.name))
      .field("args", r.args)
      .field("result", r.result)
      .field("error", r.error)
      .field("thread", r.thread)
      .field("begin", r.begin)
      .field("end", r.end)
      .field("state", r.state)
      .field("waits", pairs(r.waits))
      .field("synchronized", numbers(r.synchronized))
      .field("site", r.site);
}

void write(std::string& out, const CommandRecord& r) {
  Object(out)
      .field("kind", std::string("command"))
      .field("id", r.id)
      .field("type", std::string(r.type))
      .field("name", r.name)
      .field("device", r.stream.device)
      .field("stream", r.stream.id)
      .field("enqueue", r.enqueue)
      .field("start", r.start)
      .field("finish", r.finish)
      .field("thread", r.thread)
      .field("event", r.event)
      .field("version", r.version)
      .field("after", r.after)
      .field("reads", r.accesses, false)
      .field("writes", r.accesses, true)
      .field("site", r.site);
}

void write(std::string& out, const MemoryRecord& r) {
  Object(out)
      .field("kind", std::string("memory"))
      .field("action", std::string(r.action))
      .field("device", r.stream.device)
      .field("stream", r.stream.id)
      .field("owner", r.owner)
      .field("address", r.address)
      .field("bytes", r.bytes)
      .field("time", r.time)
      .field("thread", r.thread)
      .field("site", r.site);
}

void write(std::string& out, const HostRecord& r) {
  Object(out)
      .field("kind", std::string("host"))
      .field("name", r.name)
      .field("reads", r.accesses, false)
      .field("writes", r.accesses, true)
      .field("time", r.time)
      .field("thread", r.thread)
      .field("site", r.site);
}

void write(std::string& out, const ValueRecord& r) {
  Object(out)
      .field("kind", std::string("value"))
      .field("command", r.command)
      .field("access", r.access)
      .field("data", hex(r.bytes))
      .field("time", r.time)
      .field("thread", r.thread)
      .field("site", r.site);
}

}  // namespace mtia::sim::log
