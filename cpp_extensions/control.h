// torch.ops.mtia_lab.*: what Python may ask the simulator.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace mtia::control {

void initialize(int64_t devices);  // and give the simulator its Python host
bool latched();
void shut(std::string why);  // load() refused this process: so does all else from now on

void configure(std::string schedule, std::vector<std::string> names, std::vector<int64_t> values);
std::string schedule();
void set_poison(bool on);
void finish();  // the program ends

// `effect` is id(callable), which the caller keeps alive during the call; 0 for none.
void launch(std::string name, int64_t nanoseconds, int64_t effect);

std::vector<int64_t> plan_counts();  // plans of operators: kept, and made so far
int64_t host_clock();                // virtual nanoseconds
std::vector<int64_t> state();        // this thread's device, then its current stream of each device
int64_t thread();                    // this thread's logical number
int64_t stream_priority(int64_t device, int64_t stream);

void name_files(int64_t names);   // id(mapping): file name -> name to show, or None to pass over
void check_waits(int64_t waits);  // id(function): thread -> whether it waits for this one
// Waits of this thread for events never recorded, in the log: what begins it gives what ends it.
int64_t watch_idle_waits();
void unwatch_idle_waits(int64_t watch);
// What is reserved and allocated: (is a block, device, stream, offset, bytes) one after the other.
std::vector<int64_t> memory_now();
int64_t record_begin(bool host, bool values);
std::string record_read(int64_t position);
void record_end(bool host, bool values);

// Does nothing: an operator of the host, so that a log shows who looks at pinned memory.
inline void pickle(const at::Tensor& /*tensor*/) {}

}  // namespace mtia::control
