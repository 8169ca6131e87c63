// Random operators: they draw from a generator of the device in the order of their enqueueing.
#pragma once

#include <functional>
#include <memory>

#include "../backend/generator.h"
#include "../sim/profile.h"
#include "arguments.h"

namespace mtia::aten {

// What the operator draws from; null unless it is random.
std::shared_ptr<backend::Sequence> sequence_for(const Call& call);

// Enqueues `command` on the current stream, after the last draw from what the call draws from.
void enqueue_draw(const Call& call, sim::Command command, const sim::Cost& cost);

// Runs `kernel` drawing from `sequence`, whether it takes a generator or uses the CPU's own, which
// is left as it was. Does not look at `sequence` when that is null.
void draw_from(const backend::Sequence* sequence, const std::function<void()>& kernel);

}  // namespace mtia::aten
