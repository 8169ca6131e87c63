// What streams, events and devices share when the host waits for them or asks about them.
#pragma once

#include "simulator.h"

namespace mtia::sim {

// The host spends `cost`, and waits on until `finish` if that is later. See Note [Virtual time].
void pass_time(const Lock& lock, Time cost, Time finish);

// Whether its effects run only when a wait demands them.
bool runs_on_demand(const Lock& lock, const Stream& stream);

// Behind everything enqueued on the stream so far.
StreamPoint end_of(const Lock& lock, const Stream& stream);

// By value: effects may run meanwhile, and the event that marks the point may be destroyed.
bool query(Lock& lock, StreamPoint target);

// Waits, and leaves failures for the next call that reports them.
void wait_for(Lock& lock, StreamPoint target);
void wait_for_device(Lock& lock, Device& device);
void drain(Lock& lock, Device& device);  // the same, whatever is being captured there

// Waits, and reports failures. Gives up the lock.
void synchronize(Lock& lock, StreamPoint target);

// Throws every failure of an effect on this device that was not reported yet, or what else the
// embedder has to throw: the failures then wait for the next call. Gives up the lock.
void raise_failures(Lock& lock, Device& device);

// Throws them as one, with what to do about it. Gives up the lock.
void raise(Lock& lock, const std::vector<Failure>& failures, const std::string& hint);

}  // namespace mtia::sim
