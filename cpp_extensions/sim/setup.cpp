// What is fixed before the first use, and what may change while the device is idle.
#include "host_thread.h"
#include "runtime.h"
#include "simulator.h"

namespace mtia::sim {

void set_device_count(int count) {
  Simulator& sim = simulator();
  Lock lock = enter("load");
  this_thread();  // the thread that loads the lab is number 0
  if (count < 1 || count > kMaxDevices) {
    throw Error("cannot simulate " + std::to_string(count) + " devices: the number must be 1 to " +
                std::to_string(kMaxDevices));
  }
  if (sim.count_is_fixed && count != sim.device_count) {
    throw Error("this process already has " + std::to_string(sim.device_count) +
                " simulated device(s) and PyTorch sizes its thread pool and generators by that "
                "number only once. Restart the kernel to load with devices=" +
                std::to_string(count));
  }
  sim.device_count = count;
  sim.count_is_fixed = true;
}

void shut(const std::string& why) {
  Simulator& sim = simulator();
  const std::lock_guard<std::mutex> lock(sim.mutex);
  if (!sim.is_shut) {
    sim.refusal = why;
    sim.device_count = 0;  // so that steady paths, which check the index, need no other check
    sim.is_shut = true;
  }
}

void initialize() {
  mark(simulator().initialized);
  mark(simulator().count_is_fixed);
}

bool is_touched(int device) { return device_at(device).touched; }

namespace {
void check_idle(const Simulator& sim) {
  for (const Device& device : sim.devices) {
    for (const Stream& stream : device.streams) {
      if (!stream.pending.empty()) {
        throw Error("cannot configure while work is pending: " + to_string(stream.ref) + " has " +
                    std::to_string(stream.pending.size()) +
                    " command(s) that have not run. Call torch.mtia.synchronize(" +
                    std::to_string(device.index) + ") first");
      }
    }
  }
}
}  // namespace

void configure(const std::string& schedule, const Profile& profile) {
  Simulator& sim = simulator();
  Lock lock = enter("configure");
  run_due(lock);
  check_idle(sim);
  sim.schedule = Schedule::parse(schedule);
  sim.profile = profile;
  for (Device& device : sim.devices) {
    for (auto& slots : device.slots) {
      slots.assign(1, 0);
    }
    device.slots[static_cast<int>(Engine::Compute)].assign(profile.kernel_slots, 0);
  }
}

Profile profile() {
  Lock lock = enter("profile");
  return simulator().profile;
}

std::string schedule_name() {
  Lock lock = enter("schedule");
  return simulator().schedule.name;
}

}  // namespace mtia::sim
