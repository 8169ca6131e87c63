// What a %%guard cell starts from: a guard that passes every call on to the one that is registered.
#pragma once

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <exception>

namespace mtia_lab {

using Impl = c10::impl::DeviceGuardImplInterface;

// Called when a method begins (">" and its name), and when it is left: "<", or by an exception "~".
using Note = void (*)(const char* mark, const char* name);

class Noted {
 public:
  Noted(Note note, const char* name) : note_(note), name_(name) { write(">"); }
  ~Noted() { write(std::uncaught_exceptions() > before_ ? "~" : "<"); }

 private:
  void write(const char* mark) const {
    if (note_ != nullptr) {
      note_(mark, name_);
    }
  }
  Note note_;
  const char* name_;
  const int before_ = std::uncaught_exceptions();  // destructors call methods, too
};

// Contract, of every method: that of the same method of `real`. A class that derives from this one
// differs from `real` in what it overrides, and in nothing else.
struct ForwardingGuard : Impl {
  explicit ForwardingGuard(const Impl& real, Note note = nullptr) : real(real), note_(note) {}

  const Impl& real;  // the guard that was registered before

  c10::DeviceType type() const override { return real.type(); }

  // Devices
  c10::Device exchangeDevice(c10::Device device) const override {
    const Noted call(note_, "exchangeDevice");
    return real.exchangeDevice(device);
  }
  c10::Device getDevice() const override {
    const Noted call(note_, "getDevice");
    return real.getDevice();
  }
  // [forwarding.set_device]
  void setDevice(c10::Device device) const override {
    const Noted call(note_, "setDevice");
    real.setDevice(device);
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    const Noted call(note_, "uncheckedSetDevice");
    real.uncheckedSetDevice(device);
  }
  c10::DeviceIndex deviceCount() const noexcept override {
    const Noted call(note_, "deviceCount");
    return real.deviceCount();
  }
  c10::DeviceCapability getDeviceCapability(c10::Device device) const override {
    const Noted call(note_, "getDeviceCapability");
    return real.getDeviceCapability(device);
  }

  // Streams
  c10::Stream getStream(c10::Device device) const override {
    const Noted call(note_, "getStream");
    return real.getStream(device);
  }
  c10::Stream getDefaultStream(c10::Device device) const override {
    const Noted call(note_, "getDefaultStream");
    return real.getDefaultStream(device);
  }
  c10::Stream getNewStream(c10::Device device, int priority) const override {
    const Noted call(note_, "getNewStream");
    return real.getNewStream(device, priority);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool high_priority) const override {
    const Noted call(note_, "getStreamFromGlobalPool");
    return real.getStreamFromGlobalPool(device, high_priority);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const Noted call(note_, "exchangeStream");
    return real.exchangeStream(stream);
  }
  bool queryStream(const c10::Stream& stream) const override {
    const Noted call(note_, "queryStream");
    return real.queryStream(stream);
  }
  void synchronizeStream(const c10::Stream& stream) const override {
    const Noted call(note_, "synchronizeStream");
    real.synchronizeStream(stream);
  }
  void synchronizeDevice(c10::DeviceIndex index) const override {
    const Noted call(note_, "synchronizeDevice");
    real.synchronizeDevice(index);
  }
  void* getStreamNativeHandle(const c10::Stream stream) const override {
    const Noted call(note_, "getStreamNativeHandle");
    return real.getStreamNativeHandle(stream);
  }
  bool isStreamCapturing(const c10::Stream& stream) const override {
    const Noted call(note_, "isStreamCapturing");
    return real.isStreamCapturing(stream);
  }

  // Memory
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
    const Noted call(note_, "recordDataPtrOnStream");
    real.recordDataPtrOnStream(data, stream);
  }

  // Events
  void record(void** event, const c10::Stream& stream, c10::DeviceIndex device_index,
              c10::EventFlag flag) const override {
    const Noted call(note_, "record");
    real.record(event, stream, device_index, flag);
  }
  void block(void* event, const c10::Stream& stream) const override {
    const Noted call(note_, "block");
    real.block(event, stream);
  }
  bool queryEvent(void* event) const override {
    const Noted call(note_, "queryEvent");
    return real.queryEvent(event);
  }
  void synchronizeEvent(void* event) const override {
    const Noted call(note_, "synchronizeEvent");
    real.synchronizeEvent(event);
  }
  double elapsedTime(void* from, void* to, c10::DeviceIndex device_index) const override {
    const Noted call(note_, "elapsedTime");
    return real.elapsedTime(from, to, device_index);
  }
  void destroyEvent(void* event, c10::DeviceIndex device_index) const noexcept override {
    const Noted call(note_, "destroyEvent");
    real.destroyEvent(event, device_index);
  }

 private:
  Note note_;  // null in the reader's class: notes are taken in front of it
};

}  // namespace mtia_lab
