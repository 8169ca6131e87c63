#include "first_use.h"

namespace mtia::backend {

namespace {
void (*preparation)() = nullptr;
}  // namespace

void before_first_use(void (*prepare)()) { preparation = prepare; }

void first_use() {
  static const bool prepared = (preparation(), true);  // others wait meanwhile
  static_cast<void>(prepared);
}

}  // namespace mtia::backend
