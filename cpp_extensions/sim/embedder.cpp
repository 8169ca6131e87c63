#include "embedder.h"

#include <atomic>

namespace mtia::sim {

namespace {
Embedder plain_embedder;  // no interpreter, no lines: what a C++ program gets
std::atomic<Embedder*> current_embedder{&plain_embedder};
std::atomic<Observer> current_observer{nullptr};
}  // namespace

std::string Embedder::reason(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "it threw something that is not a std::exception";
  }
}

void Embedder::raise(const std::string& text, const std::vector<Failure>& /*failures*/) {
  throw Error(text);
}

void set_embedder(Embedder& embedder) noexcept { current_embedder = &embedder; }
Embedder& embedder() noexcept { return *current_embedder; }

void set_observer(Observer observer) noexcept { current_observer = observer; }
Observer observer() noexcept { return current_observer.load(std::memory_order_relaxed); }

}  // namespace mtia::sim
