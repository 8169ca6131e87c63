// To be included first where c10's headers are: c10/util/ApproximateClock.h includes <x86intrin.h>,
// ninety headers that g++ takes half a second to read, for one instruction that this one has too.
#pragma once

#if defined(__x86_64__) && !defined(__clang__) && __has_include(<x86gprintrin.h>)
#include <x86gprintrin.h>
#define _X86INTRIN_H_INCLUDED
#endif
