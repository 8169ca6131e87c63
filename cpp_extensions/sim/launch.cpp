// Synthetic kernels: a name, a duration, an effect.
#include "enqueue.h"
#include "log.h"
#include "runtime.h"
#include "synchronize.h"

namespace mtia::sim {

void launch(std::string name, Time duration, Effect effect) {
  if (duration < 0 || duration > kLongest) {
    throw Error("kernel '" + name + "' cannot take " + microseconds(duration) +
                ": a duration is 0 to " + microseconds(kLongest));
  }
  Command command;
  command.name = std::move(name);
  command.effect = std::move(effect);
  command.site = log::site();
  Lock lock = enter("launch");
  Stream& stream = stream_at(current_stream(current_device()));
  enqueue(lock, stream, std::move(command), duration);
  if (simulator().schedule.order == Order::Blocking) {
    raise_failures(simulator().devices[stream.ref.device]);
  }
}

// Only a look at the clock: it runs nothing, so it may be taken anywhere, also in an effect.
Time clock_now() noexcept {
  std::lock_guard<std::mutex> lock(simulator().mutex);
  return simulator().clock;
}

}  // namespace mtia::sim
