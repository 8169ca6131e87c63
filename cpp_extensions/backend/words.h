// What the simulator's errors say to a user of PyTorch: what to do about them, and how PyTorch
// calls the function that was called.
#pragma once

#include <cstdint>
#include <string>

#include "../sim/embedder.h"
#include "../sim/memory/out_of_memory.h"
#include "../sim/memory/protection.h"

namespace mtia::backend {

std::string name_of(const char* function);
std::string advice(sim::Advice about, int64_t number);
std::string out_of_memory(const sim::OutOfMemory& error);
std::string touched(const sim::Touch& touch, const std::string& where);

}  // namespace mtia::backend
