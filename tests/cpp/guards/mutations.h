// The body of a guard with faults of many, by name: one library serves them all.
inline static const std::string mutations = [] {
  const char* named = std::getenv("MUTATIONS");
  return std::string(named == nullptr ? "" : named) + ",";
}();
static bool is(const std::string& name) {
  return ("," + mutations).find("," + name + ",") != std::string::npos;
}
static c10::Device mtia(int index) {
  return c10::Device(c10::DeviceType::MTIA, static_cast<c10::DeviceIndex>(index));
}
static c10::Stream default_stream(c10::Device device) {
  return c10::Stream(c10::Stream::DEFAULT, device);
}

// What a guard with a copy of the current device believes.
inline static c10::Device shadow{c10::DeviceType::MTIA, 0};

c10::Device exchangeDevice(c10::Device device) const override {
  if (is("exchangeDevice swallows")) {
    const c10::Device before = real.getDevice();
    real.uncheckedSetDevice(device);
    return before;
  }
  if (is("exchangeDevice returns the new one")) {
    real.exchangeDevice(device);
    return device;
  }
  if (is("exchangeDevice sets nothing")) {
    return real.getDevice();
  }
  if (is("a shadow of the device")) {
    const c10::Device before = shadow;
    shadow = device;
    return before;
  }
  return real.exchangeDevice(device);
}

c10::Device getDevice() const override {
  if (is("getDevice is of the process")) {
    static const c10::Device first = real.getDevice();
    return first;
  }
  if (is("a shadow of the device")) {
    return shadow;
  }
  return real.getDevice();
}

void setDevice(c10::Device device) const override {
  if (is("setDevice ignores")) {
    return;
  }
  if (is("setDevice swallows")) {
    real.uncheckedSetDevice(device);
    return;
  }
  if (is("setDevice resets the stream")) {
    real.setDevice(device);
    real.exchangeStream(default_stream(mtia(0)));
    return;
  }
  if (is("a shadow of the device")) {
    shadow = device;
    return;
  }
  real.setDevice(device);
}

void uncheckedSetDevice(c10::Device device) const noexcept override {
  if (is("uncheckedSetDevice ignores")) {
    return;
  }
  if (is("uncheckedSetDevice checks")) {
    real.setDevice(device);
    return;
  }
  if (is("a shadow of the device")) {
    shadow = device;
    return;
  }
  real.uncheckedSetDevice(device);
}

c10::DeviceIndex deviceCount() const noexcept override {
  return is("deviceCount is one") ? 1 : real.deviceCount();
}

c10::Stream getStream(c10::Device device) const override {
  if (is("getStream sets the device")) {
    real.uncheckedSetDevice(device);
  }
  if (is("getStream of the current device")) {
    return real.getStream(real.getDevice());
  }
  static const std::thread::id first = std::this_thread::get_id();
  if (is("getStream forgets other threads") && std::this_thread::get_id() != first) {
    return c10::Stream(c10::Stream::UNSAFE, device, 1);
  }
  if (is("getStream is the default one")) {
    return default_stream(device);
  }
  return real.getStream(device);
}

c10::Stream exchangeStream(c10::Stream stream) const override {
  if (is("exchangeStream stores nothing")) {
    return real.getStream(stream.device());
  }
  if (is("exchangeStream returns the new one")) {
    real.exchangeStream(stream);
    return stream;
  }
  static thread_local int calls = 0;
  if (is("exchangeStream throws on the way back") && ++calls % 2 == 0) {
    throw std::runtime_error("too late");
  }
  if (is("exchangeStream sets the device")) {
    real.setDevice(stream.device());
  }
  return real.exchangeStream(stream);
}

c10::Stream getDefaultStream(c10::Device device) const override {
  if (is("getDefaultStream sets the device")) {
    real.uncheckedSetDevice(device);
  }
  while (is("getDefaultStream hangs")) {
    ::usleep(1000);
  }
  if (is("getDefaultStream crashes")) {
    ::raise(SIGSEGV);
  }
  if (is("getDefaultStream leaves")) {
    ::_exit(3);
  }
  return is("getDefaultStream is current") ? real.getStream(device) : real.getDefaultStream(device);
}

c10::Stream getNewStream(c10::Device device, int priority) const override {
  if (is("getNewStream forgets the priority")) {
    priority = 0;
  }
  if (is("getNewStream gives the default one")) {
    return default_stream(device.index() < 0 ? real.getDevice() : device);
  }
  if (is("getNewStream on device 0")) {
    return real.getNewStream(mtia(0), priority);
  }
  const c10::Stream made = real.getNewStream(device, priority);
  if (is("getNewStream makes current")) {
    real.exchangeStream(made);
  }
  return made;
}

c10::Stream getStreamFromGlobalPool(c10::Device device, bool high_priority) const override {
  if (is("getStreamFromGlobalPool sets the device")) {
    real.uncheckedSetDevice(device);
  }
  return is("pool of default streams") ? default_stream(device)
                                       : real.getStreamFromGlobalPool(device, high_priority);
}

void* getStreamNativeHandle(const c10::Stream stream) const override {
  if (is("getStreamNativeHandle sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  return is("one native handle") ? nullptr : real.getStreamNativeHandle(stream);
}

bool queryStream(const c10::Stream& stream) const override {
  if (is("queryStream sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  if (is("queryStream waits")) {
    real.synchronizeStream(stream);
  }
  return is("queryStream says yes") || real.queryStream(stream);
}

void synchronizeStream(const c10::Stream& stream) const override {
  if (is("synchronizeStream sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  if (is("synchronizeStream waits for the device")) {
    real.synchronizeDevice(stream.device_index());
  }
  if (!is("synchronizeStream returns at once")) {
    real.synchronizeStream(stream);
  }
}

void synchronizeDevice(c10::DeviceIndex index) const override {
  if (is("synchronizeDevice sets the device")) {
    real.uncheckedSetDevice(mtia(index));
  }
  if (is("synchronizeDevice waits for the current stream")) {
    real.synchronizeStream(real.getStream(mtia(index)));
    return;
  }
  real.synchronizeDevice(index);
}

void record(void** event, const c10::Stream& stream, c10::DeviceIndex index,
            c10::EventFlag flag) const override {
  if (is("record sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  if (is("record throws")) {
    throw std::runtime_error("no events here\nand a second line");
  }
  if (is("record once") && *event != nullptr) {
    return;
  }
  if (is("record forgets its flag")) {
    flag = c10::EventFlag::PYTORCH_DEFAULT;
  }
  if (is("record on the current stream")) {
    real.record(event, real.getStream(stream.device()), index, flag);
    return;
  }
  if (is("record waits")) {
    real.synchronizeStream(stream);
  }
  real.record(event, stream, index, flag);
}

void block(void* event, const c10::Stream& stream) const override {
  if (is("block sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  if (is("block does nothing")) {
    return;
  }
  if (is("block stops the host")) {
    real.synchronizeEvent(event);
    return;
  }
  if (is("block wants a recorded event") && event == nullptr) {
    throw std::runtime_error("record the event first");
  }
  real.block(event, stream);
}

bool queryEvent(void* event) const override {
  if (is("queryEvent sets the device")) {
    real.uncheckedSetDevice(mtia(1));
  }
  if (is("queryEvent wants a recorded event") && event == nullptr) {
    throw std::runtime_error("record the event first");
  }
  if (is("queryEvent says yes")) {
    return true;
  }
  if (is("queryEvent waits")) {
    real.synchronizeEvent(event);
  }
  return real.queryEvent(event);
}

void synchronizeEvent(void* event) const override {
  if (is("synchronizeEvent sets the device")) {
    real.uncheckedSetDevice(mtia(1));
  }
  if (is("synchronizeEvent wants a recorded event") && event == nullptr) {
    throw std::runtime_error("record the event first");
  }
  if (!is("synchronizeEvent returns at once")) {
    real.synchronizeEvent(event);
  }
}

double elapsedTime(void* from, void* to, c10::DeviceIndex index) const override {
  if (is("elapsedTime sets the device")) {
    real.uncheckedSetDevice(mtia(index));
  }
  const double ms = real.elapsedTime(from, to, index);
  return is("elapsedTime in microseconds") ? ms * 1000 : ms;
}

void destroyEvent(void* event, c10::DeviceIndex index) const noexcept override {
  if (is("destroyEvent sets the device")) {
    real.uncheckedSetDevice(mtia(index));
  }
  if (is("destroyEvent waits")) {
    real.synchronizeEvent(event);
  }
  real.destroyEvent(event, index);
}

void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
  if (is("recordDataPtrOnStream sets the device")) {
    real.uncheckedSetDevice(stream.device());
  }
  if (!is("recordDataPtrOnStream ignores")) {
    real.recordDataPtrOnStream(data, stream);
  }
}
