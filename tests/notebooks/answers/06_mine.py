# %% wrong: a number of devices that happens to be right -> with three devices instead of two, it b
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  if (d.index() >= 0 && d.index() < 2) real.setDevice(d);
}
""")

# %% wrong: the one index that is tried, excepted -> with three devices.*uncheckedSetDevice.noexcept
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  if (d.index() != 7) real.setDevice(d);
}
""")

# %% wrong: nothing is caught -> it breaks uncheckedSetDevice.noexcept
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override { real.setDevice(d); }
""")

# %% wrong: other calls of the driver, by another name -> it calls exchangeDevice and unchecked
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  auto& r = real;
  return r.exchangeDevice(d);
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  ForwardingGuard::uncheckedSetDevice(d);
}
""")

# %% wrong: it asks after it has set -> it breaks exchangeDevice.returns
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  real.setDevice(d);
  return real.getDevice();
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  try { real.setDevice(d); } catch (...) {}
}
""")

# %% wrong: nothing is set -> it breaks uncheckedSetDevice.sets
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {}
""")

# %% wrong: a missing device is swallowed -> it breaks exchangeDevice.refuses
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device device) const override {
  const auto before = real.getDevice();
  uncheckedSetDevice(device);
  return before;
}
void uncheckedSetDevice(c10::Device device) const noexcept override {
  try { real.setDevice(device); } catch (...) {}
}
""")

# %% wrong: one of two -> it does not override uncheckedSetDevice
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
""")

# %% right: whatever is thrown is caught
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  try { real.setDevice(d); } catch (...) {}
}
""")

# %% right: only what PyTorch throws, and a device that is current already is left
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const auto before = this->real.getDevice();
  if (before != d) this->real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  try { real.setDevice(d); } catch (const std::exception&) {}
}
""")

# %% right: one by the other
mine = mtia_lab.try_guard("""
c10::Device exchangeDevice(c10::Device d) const override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept override {
  try { this->exchangeDevice(d); } catch (...) {}
}
""")

# %% right: the body itself is the try
mine = mtia_lab.try_guard("""
auto exchangeDevice(c10::Device d) const -> c10::Device override {
  const c10::Device before = real.getDevice();
  real.setDevice(d);
  return before;
}
void uncheckedSetDevice(c10::Device d) const noexcept(true) override try {
  real.setDevice(d);
} catch (...) {
}
""")
