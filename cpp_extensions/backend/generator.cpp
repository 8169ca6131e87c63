#include "generator.h"

#include <utility>
#include <vector>

#include "../sim/graph/graph.h"
#include "../sim/runtime.h"
#include "hooks.h"

namespace mtia::backend {

MTIAGeneratorImpl::MTIAGeneratorImpl(c10::DeviceIndex index)
    : GeneratorImpl(c10::Device(c10::DeviceType::MTIA, index),
                    c10::DispatchKeySet(c10::DispatchKey::MTIA)),
      sequence_(std::make_shared<Sequence>(c10::make_intrusive<at::CPUGeneratorImpl>())) {
  first_use();  // an operator that takes this one is dispatched to the device, whatever else it
                // gets
}

// [generator.settle]
void MTIAGeneratorImpl::settle() const {
  sim::check_not_capturing(sim::current_stream(device().index()), "seeding or reading a generator");
  sim::synchronize_uses(*sequence_);
}

// [generator.set_seed]
// Contract: start the sequence that belongs to `seed`.
void MTIAGeneratorImpl::set_current_seed(uint64_t seed) {
  settle();
  sequence_->twister->set_current_seed(seed);
}

// Contract: the seed of the current sequence.
uint64_t MTIAGeneratorImpl::current_seed() const { return sequence_->twister->current_seed(); }

// Contract: draw a fresh seed from the system, use it, return it.
uint64_t MTIAGeneratorImpl::seed() {
  settle();
  return sequence_->twister->seed();
}

// Contract: where a counter-based generator stands in its sequence. A twister has no counter, but
// pickling and copying a generator ask for it and set it again, so 0 has to pass.
uint64_t MTIAGeneratorImpl::get_offset() const { return 0; }
void MTIAGeneratorImpl::set_offset(uint64_t offset) {
  if (offset != 0) {
    throw sim::Error("cannot set the offset of a generator of the simulated device to " +
                     std::to_string(offset) +
                     ": it is a Mersenne twister, as on the CPU, and only counter-based generators "
                     "have one. Use get_state and set_state");
  }
}

// Contract: the whole state as bytes, in a CPU tensor that set_state takes back.
c10::intrusive_ptr<c10::TensorImpl> MTIAGeneratorImpl::get_state() const {
  settle();
  return sequence_->twister->get_state();
}
void MTIAGeneratorImpl::set_state(const c10::TensorImpl& state) {
  settle();
  sequence_->twister->set_state(state);
}

// Contract: a handle on this very state, not a copy: two generators with it draw from one sequence.
c10::intrusive_ptr<c10::GeneratorImpl> MTIAGeneratorImpl::graphsafe_get_state() const {
  auto handle = c10::make_intrusive<MTIAGeneratorImpl>(device().index());
  handle->sequence_ = sequence_;
  return handle;
}
void MTIAGeneratorImpl::graphsafe_set_state(const c10::intrusive_ptr<c10::GeneratorImpl>& other) {
  auto* mtia = dynamic_cast<MTIAGeneratorImpl*>(other.get());
  if (mtia == nullptr) {
    throw sim::Error("expected the state of an mtia generator, but got one of " +
                     other->device().str());
  }
  sequence_ = mtia->sequence_;
}

// Contract: an independent generator that will draw the same numbers.
MTIAGeneratorImpl* MTIAGeneratorImpl::clone_impl() const {
  auto* copy = new MTIAGeneratorImpl(device().index());
  settle();
  copy->sequence_ = std::make_shared<Sequence>(sequence_->twister->clone());
  return copy;
}

at::Generator new_generator(int device) {
  return at::make_generator<MTIAGeneratorImpl>(static_cast<c10::DeviceIndex>(device));
}

// [generator.default_generator]
const at::Generator& default_generator(int device) {
  static const auto* const generators = [] {
    auto* made = new std::vector<at::Generator>;
    for (int i = 0; i < sim::kMaxDevices; ++i) {
      made->push_back(new_generator(i));
    }
    return made;
  }();
  return generators->at(device);
}

std::shared_ptr<Sequence> sequence_of(const std::optional<at::Generator>& generator, int device) {
  if (!generator.has_value() || !generator->defined()) {
    return default_generator(device).get<MTIAGeneratorImpl>()->sequence();
  }
  return generator->get<MTIAGeneratorImpl>()->sequence();
}

}  // namespace mtia::backend
