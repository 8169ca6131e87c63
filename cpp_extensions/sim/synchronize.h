// What streams, events and devices share when the host waits for them or asks about them.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// The host spends `cost`, and waits on until `finish` if that is later.
void pass_time(Time cost, Time finish);

// Everything enqueued on the stream so far, as a recording made at its end would stand for it.
Recording newest(const Stream& stream);

// By value: effects may run meanwhile, and the event that holds the recording may be destroyed.
bool query(Lock& lock, Recording target);

// Waits, and leaves failures for the next call that reports them.
void wait_for(Lock& lock, Recording target);
void wait_for_device(Lock& lock, Device& device);

// Waits, and reports failures.
void synchronize(Lock& lock, Recording target);

// Throws Error with every failure of an effect on this device that was not reported yet.
void raise_failures(Device& device);

}  // namespace mtia::sim
