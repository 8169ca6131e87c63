// The unit of PyTorch's runtime contract, as far as it is about streams, events and memory: it
// reads c10's headers and Python's, but none about tensors, so that it is compiled in a third of
// the time of mtia_extension.cpp and next to it.
#include "backend/no_intrinsics.h"
//
#include "backend/allocator.cpp"
#include "backend/call_log.cpp"
#include "backend/clean_thread.cpp"
#include "backend/graph.cpp"
#include "backend/guard.cpp"
#include "backend/idle_waits.cpp"
#include "backend/kineto.cpp"
#include "backend/pinned.cpp"
#include "backend/python.cpp"
#include "backend/snapshot.cpp"
#include "backend/words.cpp"
