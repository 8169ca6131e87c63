// The key under which a plan is kept.
#pragma once

#include "plan.h"

namespace mtia::aten {

// Fills `key`; false if an argument is of a kind that no plan can be kept for.
bool make_key(const Call& call, Key& key);

uint64_t hash(const Key& key);

// The index of the first tensor argument with the same storage, or its own.
size_t first_with_storage(const Call& call, size_t index);

}  // namespace mtia::aten
