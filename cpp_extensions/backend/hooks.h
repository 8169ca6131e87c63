// The other door to the simulator: what torch.mtia and PyTorch's device-generic code use.
#pragma once

#include <ATen/detail/MTIAHooksInterface.h>
#include <torch/version.h>

#define MTIA_LAB_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) ||           \
   (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace mtia::backend {

// PyTorch looks the hooks up by this very name.
// [hooks.class]
struct MTIAHooks final : at::MTIAHooksInterface {
  // Set-up
  void init() const override;
  bool isBuilt() const override { return true; }
  bool hasMTIA() const override { return true; }
  bool isAvailable() const override;
  bool hasPrimaryContext(c10::DeviceIndex index) const override;
  std::string showConfig() const override;

  // Devices
  c10::DeviceIndex deviceCount() const override;
  c10::DeviceIndex getDeviceCount() const override;
  c10::DeviceIndex getCurrentDevice() const override;
  void setCurrentDevice(c10::DeviceIndex index) const override;
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override;
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override;
  void deviceSynchronize(c10::DeviceIndex index) const override;
  PyObject* getDeviceCapability(c10::DeviceIndex index) const override;
  PyObject* getDeviceProperties(c10::DeviceIndex index) const override;

  // Streams
  c10::Stream getCurrentStream(c10::DeviceIndex index) const override;
  int64_t getCurrentRawStream(c10::DeviceIndex index) const override;
  c10::Stream getDefaultStream(c10::DeviceIndex index) const override;
  void setCurrentStream(const c10::Stream& stream) const override;
#if MTIA_LAB_TORCH_AT_LEAST(2, 15)
  bool isCurrentStreamCapturing() const override;
#endif

  // Memory
  bool isPinnedPtr(const void* address) const override;
  at::Allocator* getPinnedMemoryAllocator() const override;
  c10::Device getDeviceFromPtr(void* address) const override;
  PyObject* memoryStats(c10::DeviceIndex index) const override;
  void resetPeakMemoryStats(c10::DeviceIndex index) const override;
  void emptyCache() const override;
  void recordMemoryHistory(const std::optional<std::string>& enabled, const std::string& stacks,
                           size_t max_entries) const override;
  PyObject* memorySnapshot(const std::optional<std::string>& path) const override;
  void attachOutOfMemoryObserver(PyObject* observer) const override;

  // Graphs
  int64_t mtiagraphCreate(bool keep_graph) const override;
  void mtiagraphDestroy(int64_t handle) const override;
  void mtiagraphCaptureBegin(int64_t handle, at::MempoolId_t pool) const override;
  void mtiagraphCaptureEnd(int64_t handle) const override;
  void mtiagraphInstantiate(int64_t handle) const override;
  void mtiagraphReplay(int64_t handle) const override;
  void mtiagraphReset(int64_t handle) const override;
  at::MempoolId_t mtiagraphPool(int64_t handle) const override;
  at::MempoolId_t graphPoolHandle() const override;

  // Random numbers
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override;
  at::Generator getNewGenerator(c10::DeviceIndex index) const override;
};

// Whether PyTorch fixed on "no MTIA" before this library was loaded. It keeps the first answer.
bool process_is_latched();

// What is put off until the device is really used, so that loading the library stays quick.
// `prepare` runs once, before the first use. Set while the library is loaded.
void before_first_use(void (*prepare)());

// The device is being initialized, or its first tensor made without that: C++ may do so.
void first_use();

}  // namespace mtia::backend
