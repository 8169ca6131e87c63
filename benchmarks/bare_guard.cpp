// The least a backend can be: a guard that keeps thread state and counts events, and knows nothing
// of queues, time or logs. What the lab's calls cost above this is the lab's own.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/MTIAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <atomic>

namespace {

constexpr c10::DeviceType kMTIA = c10::DeviceType::MTIA;
constexpr c10::DeviceIndex kDevices = 2;

thread_local c10::DeviceIndex current_device = 0;
thread_local c10::StreamId current_streams[kDevices] = {};
std::atomic<c10::StreamId> last_stream{0};
std::atomic<intptr_t> last_event{0};

c10::Device device(c10::DeviceIndex index) { return c10::Device(kMTIA, index); }
c10::Stream stream(c10::DeviceIndex index, c10::StreamId id) {
  return c10::Stream(c10::Stream::UNSAFE, device(index), id);
}

struct BareGuard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kMTIA; }
  c10::Device exchangeDevice(c10::Device to) const override {
    const c10::Device previous = getDevice();
    current_device = to.index();
    return previous;
  }
  c10::Device getDevice() const override { return device(current_device); }
  void setDevice(c10::Device to) const override { current_device = to.index(); }
  void uncheckedSetDevice(c10::Device to) const noexcept override { current_device = to.index(); }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  c10::Stream getStream(c10::Device of) const override {
    return stream(of.index(), current_streams[of.index()]);
  }
  c10::Stream getNewStream(c10::Device of, int) const override {
    return stream(of.index() < 0 ? current_device : of.index(), ++last_stream);
  }
  c10::Stream exchangeStream(c10::Stream to) const override {
    c10::StreamId& current = current_streams[to.device_index()];
    const c10::StreamId previous = current;
    current = to.id();
    return stream(to.device_index(), previous);
  }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    if (*event == nullptr) {
      *event = reinterpret_cast<void*>(++last_event);
    }
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
};

struct MTIAHooks final : at::MTIAHooksInterface {
  MTIAHooks() = default;
  explicit MTIAHooks(at::MTIAHooksArgs) {}
  bool hasMTIA() const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex getCurrentDevice() const override { return current_device; }
  void setCurrentDevice(c10::DeviceIndex index) const override { current_device = index; }
  c10::Stream getCurrentStream(c10::DeviceIndex index) const override {
    const c10::DeviceIndex of = index < 0 ? current_device : index;
    return stream(of, current_streams[of]);
  }
  void setCurrentStream(const c10::Stream& to) const override {
    current_streams[to.device_index()] = to.id();
  }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static const auto* const one = new at::Generator(at::detail::createCPUGenerator());
    return *one;
  }
};

C10_REGISTER_GUARD_IMPL(MTIA, BareGuard)
using at::MTIAHooksRegistry;
using at::RegistererMTIAHooksRegistry;
REGISTER_MTIA_HOOKS(MTIAHooks)

}  // namespace
