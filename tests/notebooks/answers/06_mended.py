# %% wrong: the colleague's guard as it is -> it breaks exchangeStream.nothing_else
mended = mtia_lab.try_guard(guards.colleagues_guard())

# %% wrong: only two methods -> it does not override block
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
""")

# %% wrong: override forgotten -> it does not compile|was not tried
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const {
  return real.exchangeStream(stream);
}
""")

# %% wrong: the event goes into the stream that is current -> it breaks record.behind
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, real.getStream(stream.device()), device, flag);
}
void block(void* event, const c10::Stream& stream) const override {
  real.block(event, stream);
}
""")

# %% wrong: it returns the new stream, and waits for nothing -> it breaks exchangeStream.returns
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  real.exchangeStream(stream);
  return stream;
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {}
""")

# %% wrong: record sets its stream's device -> record.leaves_current: .*current\(\) gives \(1,
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.setDevice(stream.device());
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override { real.block(event, stream); }
""")

# %% wrong: block leaves it there -> it breaks block.leaves_current
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {
  real.setDevice(stream.device());
  real.block(event, stream);
 }
""")

# %% wrong: nothing waits, so that old waits are lost, too -> breaks block.orders.*keeps_waits
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {  }
""")

# %% wrong: nothing filled in -> not started
mended = ...

# %% wrong: the text alone -> wanted a GuardReport, got a str
mended = "void block(void* event, const c10::Stream& stream) const override {}"

# %% right: pass all on
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  return real.exchangeStream(stream);
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {
  real.block(event, stream);
}
""")

# %% right: the device is set, and put back
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(stream.device());
  const c10::Stream previous = real.exchangeStream(stream);
  real.setDevice(before);
  return previous;
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {
  real.block(event, stream);
}
""")

# %% right: asks first, and knows an event that was never recorded
mended = mtia_lab.try_guard("""
c10::Stream exchangeStream(c10::Stream stream) const override {
  const c10::Stream previous = real.getStream(stream.device());
  if (previous != stream) {
    real.exchangeStream(stream);
  }
  return previous;
}
void record(void** event, const c10::Stream& stream, c10::DeviceIndex device,
            c10::EventFlag flag) const override {
  real.record(event, stream, device, flag);
}
void block(void* event, const c10::Stream& stream) const override {
  if (event != nullptr) {
    real.block(event, stream);
  }
}
""")
