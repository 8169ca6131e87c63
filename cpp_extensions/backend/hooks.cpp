#include "hooks.h"

#include "../sim/graph/graph.h"
#include "../sim/memory/addresses.h"
#include "../sim/memory/allocator.h"
#include "../sim/memory/stats.h"
#include "call_log.h"
#include "convert.h"
#include "generator.h"
#include "graph.h"
#include "pinned.h"
#include "python.h"
#include "snapshot.h"

namespace mtia::backend {

namespace {
template <typename Body, typename... Args>
auto hook(const char* name, const Body& body, const Args&... args) {
  return logged("hooks", name, body, args...);
}

c10::DeviceIndex narrow(int index) { return static_cast<c10::DeviceIndex>(index); }

// The index that -1 stands for, checked.
int checked(c10::DeviceIndex index) { return sim::checked_device(index_or_current(index)); }
}  // namespace

// --- Set-up -------------------------------------------------------------------------------------

// Contract: make the device ready. From here on a forked child cannot use it.
void MTIAHooks::init() const {
  hook("init", [] {
    first_use();
    sim::initialize();
  });
}

// Contract: whether work could run here; never throws, initializes nothing.
bool MTIAHooks::isAvailable() const { return sim::device_count() > 0; }

// Contract: whether something was done on the device already. Autograd's threads leave alone
// devices for which this is false; so this is what a backward begins with.
bool MTIAHooks::hasPrimaryContext(c10::DeviceIndex index) const {
  return hook(
      "hasPrimaryContext",
      [&] {
        sim::log::mark("backward");
        return sim::is_touched(index);
      },
      index);
}

// Contract: a line for bug reports.
std::string MTIAHooks::showConfig() const {
  return hook("showConfig", [] {
    return "MTIA Lab, simulated, " + std::to_string(sim::device_count()) + " device(s)";
  });
}

// --- Devices ------------------------------------------------------------------------------------

// [hooks.device_count]
// Contract: how many devices there are.
c10::DeviceIndex MTIAHooks::deviceCount() const {
  return hook("deviceCount", [] { return narrow(sim::device_count()); });
}
c10::DeviceIndex MTIAHooks::getDeviceCount() const { return deviceCount(); }

// [hooks.get_current_device]
// Contract: this thread's current device, as the guard's getDevice.
c10::DeviceIndex MTIAHooks::getCurrentDevice() const {
  return hook("getCurrentDevice", [] { return narrow(sim::current_device()); });
}

// [hooks.set_current_device]
// Contract: make the device current on this thread, or throw and change nothing.
void MTIAHooks::setCurrentDevice(c10::DeviceIndex index) const {
  hook("setCurrentDevice", [&] { sim::set_device(index); }, index);
}

// Contract: make the device current; return the one that was.
c10::DeviceIndex MTIAHooks::exchangeDevice(c10::DeviceIndex index) const {
  return hook("exchangeDevice", [&] { return narrow(sim::exchange_device(index)); }, index);
}

// [hooks.maybe_exchange_device]
// Contract: the same, but a negative index changes nothing and gives -1.
c10::DeviceIndex MTIAHooks::maybeExchangeDevice(c10::DeviceIndex index) const {
  return hook(
      "maybeExchangeDevice",
      [&] { return index < 0 ? narrow(-1) : narrow(sim::exchange_device(index)); }, index);
}

// [hooks.device_synchronize]
// Contract: return once all work on every stream of the device has completed. Comes with the
// interpreter lock held.
void MTIAHooks::deviceSynchronize(c10::DeviceIndex index) const {
  hook("deviceSynchronize", [&] { sim::synchronize_device(index_or_current(index)); }, index);
}

// Contract: a new reference to (major, minor). Called with the interpreter lock.
PyObject* MTIAHooks::getDeviceCapability(c10::DeviceIndex index) const {
  return hook(
      "getDeviceCapability",
      [&] {
        checked(index);
        return or_throw(Py_BuildValue("(ii)", 2, 0)).release();
      },
      index);
}

// Contract: a new reference to a dict. PyTorch fixes no keys. The figures of the chip are Meta's
// own: "Our next-generation Meta Training and Inference Accelerator", April 2024.
PyObject* MTIAHooks::getDeviceProperties(c10::DeviceIndex index) const {
  return hook(
      "getDeviceProperties",
      [&] {
        checked(index);
        const sim::Profile profile = sim::profile();
        return or_throw(Py_BuildValue("{s:s, s:i, s:i, s:i, s:i, s:L, s:L}",  //
                                      "name", "MTIA 2i (simulated)",          //
                                      "major", 2, "minor", 0,                 //
                                      "processing_elements", 64,              // a grid of 8 by 8
                                      "clock_rate_khz", 1'350'000,            //
                                      "kernel_slots", static_cast<long long>(profile.kernel_slots),
                                      "queue_depth", static_cast<long long>(profile.queue_depth)))
            .release();
      },
      index);
}

// --- Streams ------------------------------------------------------------------------------------

// [hooks.get_current_stream]
// Contract: this thread's current stream on the device, as the guard's getStream.
c10::Stream MTIAHooks::getCurrentStream(c10::DeviceIndex index) const {
  return hook(
      "getCurrentStream", [&] { return to_stream(sim::current_stream(index_or_current(index))); },
      index);
}

// Contract: that stream's native handle, for code that launches kernels by itself.
int64_t MTIAHooks::getCurrentRawStream(c10::DeviceIndex index) const {
  return hook(
      "getCurrentRawStream",
      [&] { return sim::native_handle(sim::current_stream(index_or_current(index))); }, index);
}

// [hooks.get_default_stream]
// Contract: the stream with id 0, whatever is current.
c10::Stream MTIAHooks::getDefaultStream(c10::DeviceIndex index) const {
  return hook("getDefaultStream", [&] { return to_stream({checked(index), 0}); }, index);
}

// [hooks.set_current_stream]
// Contract: make `stream` current for its device on this thread.
void MTIAHooks::setCurrentStream(const c10::Stream& stream) const {
  hook("setCurrentStream", [&] { sim::exchange_stream(to_ref(stream)); }, stream);
}

#if MTIA_LAB_TORCH_AT_LEAST(2, 15)
// Contract: whether launches on the current stream are being captured into a graph.
bool MTIAHooks::isCurrentStreamCapturing() const {
  return hook("isCurrentStreamCapturing",
              [] { return sim::is_capturing(sim::current_stream(sim::current_device())); });
}
#endif

// --- Memory -------------------------------------------------------------------------------------

// Contract: whether the address is in pinned host memory.
bool MTIAHooks::isPinnedPtr(const void* address) const {
  return hook("isPinnedPtr", [&] { return is_pinned(address); });
}

// Contract: the allocator of pinned host memory.
at::Allocator* MTIAHooks::getPinnedMemoryAllocator() const {
  return hook("getPinnedMemoryAllocator", [] { return &pinned_allocator(); });
}

// Contract: the device whose memory the address is in.
c10::Device MTIAHooks::getDeviceFromPtr(void* address) const {
  return hook("getDeviceFromPtr", [&] {
    const int device = sim::device_of(address);
    if (device < 0) {
      throw sim::Error(
          "this address is in no mtia device's memory: it is the host's, or another "
          "kind of device's. Ask for the device of a tensor with x.device");
    }
    return to_device(device);
  });
}

// Contract: a new reference to a dict of figures. Called with the interpreter lock.
PyObject* MTIAHooks::memoryStats(c10::DeviceIndex index) const {
  return hook("memoryStats", [&] { return memory_stats_dict(checked(index)); }, index);
}

// Contract: let peaks start from where the figures are now.
void MTIAHooks::resetPeakMemoryStats(c10::DeviceIndex index) const {
  hook("resetPeakMemoryStats", [&] { sim::reset_peak_memory_stats(checked(index)); }, index);
}

// Contract: give unused memory of every device back to it.
void MTIAHooks::emptyCache() const {
  hook("emptyCache", [] { sim::empty_cache(); });
}

// Contract: keep what happens to memory, and from which line, for memorySnapshot.
void MTIAHooks::recordMemoryHistory(const std::optional<std::string>& enabled,
                                    const std::string& stacks, size_t max_entries) const {
  hook("recordMemoryHistory", [&] { record_memory_history(enabled, stacks, max_entries); });
}

// Contract: a new reference to a dict: segments, their blocks, and what happened to them.
PyObject* MTIAHooks::memorySnapshot(const std::optional<std::string>& path) const {
  return hook("memorySnapshot", [&] { return memory_snapshot(path); });
}

// Contract: call `observer` before an out-of-memory error is raised.
void MTIAHooks::attachOutOfMemoryObserver(PyObject* observer) const {
  hook("attachOutOfMemoryObserver", [&] { attach_out_of_memory_observer(observer); });
}

// --- Graphs: what torch.mtia.MTIAGraph and torch.mtia.graph_pool_handle() call ------------------

// Contract: a handle for a graph that holds nothing yet. With `keep_graph`, the end of a capture
// leaves it to instantiate(), or to the first replay, to make it ready.
int64_t MTIAHooks::mtiagraphCreate(bool keep_graph) const {
  return hook("mtiagraphCreate", [&] { return sim::new_graph(keep_graph); }, keep_graph);
}

// Contract: forget the graph, never throwing: it comes from a destructor. Replays that are
// enqueued still run.
void MTIAHooks::mtiagraphDestroy(int64_t handle) const {
  hook("mtiagraphDestroy", [&] { sim::destroy_graph(handle); }, handle);
}

// Contract: capture what is enqueued on the current stream from now on. Pool (0, 0) means one of
// the graph's own. The current stream may be the default one: torch.mtia.graph takes it.
void MTIAHooks::mtiagraphCaptureBegin(int64_t handle, at::MempoolId_t pool) const {
  hook("mtiagraphCaptureBegin", [&] { sim::begin_capture(handle, to_pool(pool)); }, handle, pool);
}

// Contract: end the capture; throw if what was captured is no graph.
void MTIAHooks::mtiagraphCaptureEnd(int64_t handle) const {
  hook("mtiagraphCaptureEnd", [&] { sim::end_capture(handle); }, handle);
}

// Contract: make a captured graph ready to be replayed.
void MTIAHooks::mtiagraphInstantiate(int64_t handle) const {
  hook("mtiagraphInstantiate", [&] { sim::instantiate(handle); }, handle);
}

// Contract: enqueue what was captured on the current stream.
void MTIAHooks::mtiagraphReplay(int64_t handle) const {
  hook("mtiagraphReplay", [&] { sim::replay(handle); }, handle);
}

// Contract: forget what was captured; the graph can capture again.
void MTIAHooks::mtiagraphReset(int64_t handle) const {
  hook("mtiagraphReset", [&] { sim::reset_graph(handle); }, handle);
}

// Contract: the pool of the graph's memory, which other graphs may share.
at::MempoolId_t MTIAHooks::mtiagraphPool(int64_t handle) const {
  return hook("mtiagraphPool", [&] { return from_pool(sim::pool_of(handle)); }, handle);
}

// Contract: a pool for graphs to share that nothing uses yet.
at::MempoolId_t MTIAHooks::graphPoolHandle() const {
  return hook("graphPoolHandle", [] { return from_pool(sim::new_pool()); });
}

// --- Random numbers -----------------------------------------------------------------------------

// Contract: the device's own generator, which lives for ever: Python borrows the reference.
const at::Generator& MTIAHooks::getDefaultGenerator(c10::DeviceIndex index) const {
  return default_generator(hook("getDefaultGenerator", [&] { return checked(index); }, index));
}

// Contract: a generator of the program's own, for torch.Generator("mtia").
at::Generator MTIAHooks::getNewGenerator(c10::DeviceIndex index) const {
  return new_generator(hook("getNewGenerator", [&] { return checked(index); }, index));
}

namespace {
void (*preparation)() = nullptr;
}  // namespace

void before_first_use(void (*prepare)()) { preparation = prepare; }

void first_use() {
  static const bool prepared = [] {  // other threads wait meanwhile
    preparation();
    return true;
  }();
  static_cast<void>(prepared);
}

bool process_is_latched() {
  return dynamic_cast<const MTIAHooks*>(&at::detail::getMTIAHooks()) == nullptr;
}

}  // namespace mtia::backend
