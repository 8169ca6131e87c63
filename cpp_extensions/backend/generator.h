// Random numbers: one generator per device, each of them CPU's Mersenne twister, so that a seed
// gives on the device what it gives on the CPU.
#pragma once

#include <ATen/CPUGeneratorImpl.h>

#include <memory>
#include <optional>
#include <utility>

#include "../sim/command.h"

namespace mtia::backend {

// A sequence of random numbers, and the operators that draw from it.
struct Sequence : sim::OrderedUses {
  explicit Sequence(c10::intrusive_ptr<c10::GeneratorImpl> generator)
      : twister(std::move(generator)) {}

  c10::intrusive_ptr<c10::GeneratorImpl> twister;  // the CPU's kind
};

// [generator.class]
struct MTIAGeneratorImpl final : c10::GeneratorImpl {
  explicit MTIAGeneratorImpl(c10::DeviceIndex index);

  void set_current_seed(uint64_t seed) override;
  uint64_t current_seed() const override;
  uint64_t seed() override;
  void set_offset(uint64_t offset) override;
  uint64_t get_offset() const override;
  void set_state(const c10::TensorImpl& state) override;
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override;
  void graphsafe_set_state(const c10::intrusive_ptr<c10::GeneratorImpl>& other) override;
  c10::intrusive_ptr<c10::GeneratorImpl> graphsafe_get_state() const override;

  // PyTorch asks every generator class for this by name: at::check_generator.
  static c10::DeviceType device_type() { return c10::DeviceType::MTIA; }

  const std::shared_ptr<Sequence>& sequence() const { return sequence_; }

 private:
  MTIAGeneratorImpl* clone_impl() const override;

  // Waits for all draws that are enqueued. Seeding and looking at the state come after them.
  void settle() const;

  std::shared_ptr<Sequence> sequence_;  // shared between graph-safe states
};

// What `generator`, one of this backend, draws from; without one, the device's default generator.
std::shared_ptr<Sequence> sequence_of(const std::optional<at::Generator>& generator, int device);

// The default generator of each device. They live for ever: Python borrows them.
const at::Generator& default_generator(int device);
at::Generator new_generator(int device);

}  // namespace mtia::backend
