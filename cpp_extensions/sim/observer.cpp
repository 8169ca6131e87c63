#include "observer.h"

#include <atomic>

namespace mtia::sim {

namespace {
std::atomic<Observer> current_observer{nullptr};
}  // namespace

void set_observer(Observer observer) noexcept { current_observer = observer; }

Observer observer() noexcept { return current_observer.load(std::memory_order_relaxed); }

}  // namespace mtia::sim
