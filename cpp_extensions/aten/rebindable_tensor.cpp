#include "rebindable_tensor.h"

#include <ATen/EmptyTensor.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <algorithm>

namespace mtia::aten {

TensorSpec TensorSpec::of(const at::Tensor& tensor) {
  TensorSpec spec;
  spec.sizes = tensor.sizes().vec();
  spec.strides = tensor.strides().vec();
  spec.dtype = tensor.scalar_type();
  spec.conjugate = tensor.is_conj();
  spec.negative = tensor.is_neg();
  spec.wrapped_number = tensor.unsafeGetTensorImpl()->is_wrapped_number();
  spec.contiguous = spec.strides == contiguous_strides(spec.sizes);
  return spec;
}

TensorSpec TensorSpec::for_copy_of(const at::Tensor& tensor) {
  TensorSpec spec = of(tensor);
  spec.conjugate = spec.negative = spec.wrapped_number = false;
  if (at::has_internal_overlap(tensor) == at::MemOverlap::Yes) {  // none can be copied into
    spec.strides = contiguous_strides(spec.sizes);
    spec.contiguous = true;
  }
  return spec;
}

size_t TensorSpec::span() const {
  return at::detail::computeStorageNbytes(sizes, strides, c10::elementSize(dtype),
                                          static_cast<size_t>(offset));
}

int64_t TensorSpec::numel() const {
  int64_t count = 1;
  for (int64_t size : sizes) {
    count *= size;
  }
  return count;
}

std::vector<int64_t> contiguous_strides(at::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * std::max<int64_t>(sizes[i], 1);
  }
  return strides;
}

namespace {
c10::DeviceType device_type(c10::DispatchKey key) {
  return key == c10::DispatchKey::Meta ? c10::DeviceType::Meta : c10::DeviceType::CPU;
}
}  // namespace

RebindableTensor::RebindableTensor(const TensorSpec& spec, c10::DispatchKey key, size_t bytes)
    : storage_(c10::make_intrusive<c10::StorageImpl>(
          c10::StorageImpl::use_byte_size_t(), bytes, at::DataPtr(nullptr, device_type(key)),
          c10::GetAllocator(device_type(key)), /*resizable=*/true)),
      bytes_(bytes) {
  make(spec, key);
}

RebindableTensor::RebindableTensor(const TensorSpec& spec, const RebindableTensor& other)
    : storage_(other.storage_), bytes_(other.bytes_) {
  make(spec, other.tensor_.is_meta() ? c10::DispatchKey::Meta : c10::DispatchKey::CPU);
}

void RebindableTensor::make(const TensorSpec& spec, c10::DispatchKey key) {
  tensor_ = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage_), c10::DispatchKeySet(key), c10::scalarTypeToTypeMeta(spec.dtype));
  auto* impl = tensor_.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(spec.sizes, spec.strides, spec.offset);
  impl->_set_conj(spec.conjugate);
  impl->_set_neg(spec.negative);
  if (spec.wrapped_number) {
    impl->set_wrapped_number(true);
  }
}

void RebindableTensor::bind(void* memory) const {
  auto* storage = storage_.unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(at::DataPtr(memory, storage_.device()));
  storage->set_nbytes(bytes_);
}

bool RebindableTensor::restore(const TensorSpec& spec, const TensorSpec& after,
                               void* memory) const {
  auto* impl = tensor_.unsafeGetTensorImpl();
  const bool same_sizes = impl->sizes() == after.sizes;
  const bool in_place = impl->strides() == after.strides && storage_.data() == memory &&
                        impl->unsafe_storage().is_alias_of(storage_) &&
                        tensor_.is_conj() == spec.conjugate && tensor_.is_neg() == spec.negative;
  if (same_sizes && in_place && &spec == &after) {
    return true;
  }
  const at::Tensor content =
      same_sizes && !in_place ? tensor_.resolve_conj().resolve_neg().clone() : at::Tensor();
  reset(after);
  bind(memory);
  if (content.defined()) {
    tensor_.copy_(content);
  }
  impl->set_sizes_and_strides(spec.sizes, spec.strides, spec.offset);
  return same_sizes;
}

void RebindableTensor::reset(const TensorSpec& spec) const {
  auto* impl = tensor_.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(storage_);
  impl->set_sizes_and_strides(spec.sizes, spec.strides, spec.offset);
  impl->_set_conj(spec.conjugate);
  impl->_set_neg(spec.negative);
  bind(nullptr);
}

namespace {
TensorSpec spec_of_scalar(c10::ScalarType dtype) {
  TensorSpec spec;
  spec.dtype = dtype;
  return spec;
}
}  // namespace

HostScalar::HostScalar(c10::ScalarType dtype)
    : rebindable_(spec_of_scalar(dtype), c10::DispatchKey::CPU, bytes_.size()) {
  rebindable_.bind(bytes_.data());
}

c10::Scalar HostScalar::value() const {
  static const c10::OperatorHandle read =
      c10::Dispatcher::singleton().findSchemaOrThrow("aten::_local_scalar_dense", "");
  torch::jit::Stack stack{tensor()};
  read.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
  return stack.back().toScalar();
}

}  // namespace mtia::aten
