#include "shell.h"

#include <ATen/EmptyTensor.h>
#include <ATen/MemoryOverlap.h>

#include <algorithm>

namespace mtia::aten {

Form Form::of(const at::Tensor& tensor) {
  Form form;
  form.sizes = tensor.sizes().vec();
  form.strides = tensor.strides().vec();
  form.dtype = tensor.scalar_type();
  form.conjugate = tensor.is_conj();
  form.negative = tensor.is_neg();
  form.wrapped_number = tensor.unsafeGetTensorImpl()->is_wrapped_number();
  form.contiguous = form.strides == contiguous_strides(form.sizes);
  return form;
}

Form Form::fresh(const at::Tensor& tensor) {
  Form form = of(tensor);
  form.conjugate = form.negative = form.wrapped_number = false;
  if (at::has_internal_overlap(tensor) == at::MemOverlap::Yes) {  // none can be copied into
    form.strides = contiguous_strides(form.sizes);
    form.contiguous = true;
  }
  return form;
}

size_t Form::span() const {
  return at::detail::computeStorageNbytes(sizes, strides, c10::elementSize(dtype),
                                          static_cast<size_t>(offset));
}

int64_t Form::count() const {
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

Shell::Shell(const Form& form, c10::DispatchKey key, size_t bytes)
    : storage_(c10::make_intrusive<c10::StorageImpl>(
          c10::StorageImpl::use_byte_size_t(), bytes, at::DataPtr(nullptr, device_type(key)),
          c10::GetAllocator(device_type(key)), /*resizable=*/true)),
      bytes_(bytes) {
  shape(form, key);
}

Shell::Shell(const Form& form, const Shell& other)
    : storage_(other.storage_), bytes_(other.bytes_) {
  shape(form, other.tensor_.is_meta() ? c10::DispatchKey::Meta : c10::DispatchKey::CPU);
}

void Shell::shape(const Form& form, c10::DispatchKey key) {
  tensor_ = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage_), c10::DispatchKeySet(key), c10::scalarTypeToTypeMeta(form.dtype));
  auto* impl = tensor_.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(form.sizes, form.strides, form.offset);
  impl->_set_conj(form.conjugate);
  impl->_set_neg(form.negative);
  if (form.wrapped_number) {
    impl->set_wrapped_number(true);
  }
}

void Shell::lend(void* memory) const {
  auto* storage = storage_.unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(at::DataPtr(memory, storage_.device()));
  storage->set_nbytes(bytes_);
}

bool Shell::restore(const Form& form, const Form& after, void* memory) const {
  auto* impl = tensor_.unsafeGetTensorImpl();
  const bool same_sizes = impl->sizes() == after.sizes;
  const bool in_place = impl->strides() == after.strides && storage_.data() == memory &&
                        impl->unsafe_storage().is_alias_of(storage_) &&
                        tensor_.is_conj() == form.conjugate && tensor_.is_neg() == form.negative;
  if (same_sizes && in_place && &form == &after) {
    return true;
  }
  const at::Tensor content =
      same_sizes && !in_place ? tensor_.resolve_conj().resolve_neg().clone() : at::Tensor();
  reset(after);
  lend(memory);
  if (content.defined()) {
    tensor_.copy_(content);
  }
  impl->set_sizes_and_strides(form.sizes, form.strides, form.offset);
  return same_sizes;
}

void Shell::reset(const Form& form) const {
  auto* impl = tensor_.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(storage_);
  impl->set_sizes_and_strides(form.sizes, form.strides, form.offset);
  impl->_set_conj(form.conjugate);
  impl->_set_neg(form.negative);
  lend(nullptr);
}

}  // namespace mtia::aten
