// The key under which a plan is kept.
#pragma once

#include "plan.h"

namespace mtia::aten {

// What a key tells of a call. Numbers are what a call is given by value: those of floating point,
// which an optimizer passes anew at every step, and the host's scalars.
enum class Detail {
  Kinds,    // only of what type and dtype each argument is
  Forms,    // all but the numbers
  Numbers,  // all
};

// Fills `key`; false if an argument is of a kind that no plan can be kept for.
bool make_key(const Call& call, Detail detail, Key& key);

uint64_t hash(const Key& key);

// Whether every floating dtype can hold it, rounded. Kernels refuse a number their dtype cannot.
bool is_ordinary(double number);

// The index of the first tensor argument with the same storage on the device, or its own.
size_t first_with_storage(const Call& call, size_t index);

// The index of the first tensor argument that is this very tensor, or its own. Kernels treat an
// output that is an input otherwise than one that only shares its memory.
size_t first_same(const Call& call, size_t index);

}  // namespace mtia::aten
