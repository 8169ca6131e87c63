#include "control.h"

#include <torch/csrc/utils/device_lazy_init.h>

#include "aten/host_operators.h"
#include "aten/plan.h"
#include "backend/hooks.h"
#include "backend/idle_waits.h"
#include "backend/python.h"
#include "backend/trace.h"
#include "sim/host_thread.h"
#include "sim/memory.h"
#include "sim/memory_history.h"
#include "sim/runtime.h"

namespace mtia::control {

void initialize(int64_t devices) {
  static auto* const python = new backend::PythonHost;
  sim::set_host(*python);
  sim::set_device_count(static_cast<int>(devices));
}

bool latched() { return backend::process_is_latched(); }

void shut(std::string why) { sim::shut(why); }

void configure(std::string schedule, std::vector<std::string> names, std::vector<int64_t> values) {
  sim::Profile profile;
  for (size_t i = 0; i < names.size(); ++i) {
    profile.set(names[i], values.at(i));
  }
  sim::configure(schedule, profile);
}

std::string schedule() { return sim::schedule_name(); }
void set_poison(bool on) { sim::set_poison(on); }
void finish() { sim::finish(); }

void launch(std::string name, int64_t nanoseconds, int64_t effect) {
  torch::utils::device_lazy_init(c10::DeviceType::MTIA);  // as PyTorch's own calls
  auto* callable = reinterpret_cast<PyObject*>(effect);
  sim::Effect run = callable == nullptr ? sim::Effect() : backend::python_effect(callable);
  backend::traced("lab", "launch", [&] { sim::launch(name, nanoseconds, std::move(run)); }, name);
}

std::vector<int64_t> plan_counts() {
  const auto [kept, made] = aten::plan_counts();
  return {kept, made};
}

int64_t host_clock() {
  sim::check_open();
  return sim::clock_now();
}

std::vector<int64_t> state() {
  sim::check_open();
  return backend::thread_state();
}

int64_t thread() { return sim::this_thread().number; }

int64_t stream_priority(int64_t device, int64_t stream) {
  return sim::stream_priority({static_cast<int>(device), stream});
}

void name_files(int64_t names) { backend::set_file_names(reinterpret_cast<PyObject*>(names)); }
void check_waits(int64_t waits) { backend::set_wait_check(reinterpret_cast<PyObject*>(waits)); }

int64_t watch_idle_waits() {
  const backend::WithGil gil;  // operators are called without it
  return reinterpret_cast<int64_t>(backend::watch_idle_waits());
}

void unwatch_idle_waits(int64_t watch) {
  const backend::WithGil gil;
  backend::unwatch_idle_waits(reinterpret_cast<PyObject*>(watch));
}

std::vector<int64_t> memory_now() {
  std::vector<int64_t> flat;
  const auto add = [&](bool is_block, const sim::StreamRef& stream, uintptr_t address,
                       size_t bytes) {
    const int64_t offset = sim::offset_of(reinterpret_cast<void*>(address));
    flat.insert(flat.end(),
                {is_block, stream.device, stream.id, offset, static_cast<int64_t>(bytes)});
  };
  for (const sim::SegmentView& segment : sim::memory_snapshot().segments) {
    add(false, segment.stream, segment.address, segment.bytes);
    for (const sim::BlockView& block : segment.blocks) {
      if (block.allocated) {
        add(true, segment.stream, block.address, block.bytes);
      }
    }
  }
  return flat;
}

int64_t record_begin(bool host, bool values) {
  const int64_t position = sim::log::begin(host, values);
  aten::watch_host();
  return position;
}

std::string record_read(int64_t position) { return sim::log::read(position); }

void record_end(bool host, bool values) {
  sim::log::end(host, values);
  aten::watch_host();
}

}  // namespace mtia::control
