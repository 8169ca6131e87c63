// A captured graph in the DOT language: its commands, and what each of them comes after.
#include <map>
#include <utility>

#include "graph_store.h"
#include "text.h"

namespace mtia::sim {

namespace {
std::string label(const Command& command) {
  const std::string event = "event " + std::to_string(command.event);
  switch (command.type) {
    case CommandType::Record:
      return "record " + event;
    case CommandType::Wait:
      return "wait for " + event;
    default:
      return plain(*command.name);
  }
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return out + '"';
}

std::string arrow(CommandId from, size_t to) {
  return "  c" + std::to_string(from) + " -> c" + std::to_string(to) + ";\n";
}
}  // namespace

std::string to_dot(const Capture& capture) {
  std::string out = "digraph {\n";
  std::map<std::pair<int, StreamId>, CommandId> previous;  // on each stream
  for (size_t i = 0; i < capture.commands.size(); ++i) {
    const auto& [stream, command] = capture.commands[i];
    out += "  c" + std::to_string(i) +
           " [label=" + quoted(label(command) + " on " + to_string(stream)) + "];\n";
    const auto [before, first] = previous.try_emplace({stream.device, stream.id}, 0);
    if (!first) {
      out += arrow(before->second, i);
    }
    if (command.after) {
      out += arrow(command.after->command, i);
    }
    before->second = static_cast<CommandId>(i);
  }
  return out + "}\n";
}

}  // namespace mtia::sim
