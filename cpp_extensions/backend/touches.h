// What the host did to protected device memory, until the program has its error.
#pragma once

#include "../sim/memory/protection.h"

namespace mtia::backend {

// In the handler of a signal. The first touch is kept, with the lines that this thread is at.
void keep_touch(const sim::Touch& touch) noexcept;

// A kept one is raised between two steps of the main thread, if it is in the program then.
void raise_touch_soon() noexcept;

// Throws the one that is kept, if there is one, and protects the memory again.
void throw_touch();

}  // namespace mtia::backend
