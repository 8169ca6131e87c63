// The records of the log as text: one flat JSON object a line. Times are in nanoseconds.
#pragma once

#include <string>

#include "log.h"

namespace mtia::sim::log {

void write(std::string& out, const CallRecord& record);
void write(std::string& out, const CommandRecord& record);
void write(std::string& out, const MemoryRecord& record);
void write(std::string& out, const HostRecord& record);
void write(std::string& out, const ValueRecord& record);

}  // namespace mtia::sim::log
