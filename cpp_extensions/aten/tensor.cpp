#include "tensor.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/impl/COW.h>

#include <cstring>

#include "../backend/allocator.h"
#include "../backend/convert.h"
#include "../sim/memory/addresses.h"

namespace mtia::aten {

namespace {
at::Tensor on_new_storage(int device, size_t bytes, c10::ScalarType dtype) {
  auto storage = c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(), bytes,
                                                       backend::allocate(device, bytes),
                                                       &backend::allocator(), /*resizable=*/true);
  return at::detail::make_tensor<c10::TensorImpl>(std::move(storage),
                                                  c10::DispatchKeySet(c10::DispatchKey::MTIA),
                                                  c10::scalarTypeToTypeMeta(dtype));
}

// PyTorch's next write would look for the other clones of what is not shared any more. Newer
// releases keep a note of that in the storage; before, they went by its memory alone.
template <typename Storage>
auto forget_clones(Storage& storage, int) -> decltype(storage.clear_materializer()) {
  storage.clear_materializer();
}
template <typename Storage>
void forget_clones(Storage&, long) {}

// Gives the storage other memory, with as many of its first bytes as are kept, and `why` in the
// log.
void renew_memory(c10::StorageImpl& storage, size_t bytes, size_t kept, const char* why) {
  const int device = storage.device().index();
  at::DataPtr renewed = backend::allocate(device, bytes);
  if (kept > 0) {
    sim::Command copy;
    copy.type = sim::CommandType::Copy;
    copy.engine = sim::Engine::Compute;
    copy.name = sim::intern(why);
    copy.effect = [to = renewed.get(), from = storage.data(), kept] {
      std::memcpy(to, from, kept);
    };
    if (sim::wants_accesses()) {
      const auto size = static_cast<int64_t>(kept);
      copy.accesses = {{device, sim::offset_of(storage.data()), size, false},
                       {device, sim::offset_of(renewed.get()), size, true}};
    }
    sim::submit(sim::current_stream(device), std::move(copy),
                {.memory_bytes = static_cast<int64_t>(2 * kept)});
  }
  storage.set_data_ptr_noswap(std::move(renewed));
  forget_clones(storage, 0);
  storage.set_nbytes(bytes);
}
}  // namespace

at::Tensor make_tensor(int device, const Form& form, size_t bytes) {
  at::Tensor tensor = on_new_storage(device, bytes, form.dtype);
  auto* impl = tensor.unsafeGetTensorImpl();
  form.contiguous ? impl->set_sizes_contiguous(form.sizes)
                  : impl->set_sizes_and_strides(form.sizes, form.strides);
  return tensor;
}

at::Tensor make_contiguous_tensor(int device, at::IntArrayRef sizes, c10::ScalarType dtype) {
  const size_t bytes = at::detail::computeStorageNbytesContiguous(sizes, c10::elementSize(dtype));
  at::Tensor tensor = on_new_storage(device, bytes, dtype);
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  return tensor;
}

void* storage_address(const at::Tensor& tensor) {
  return const_cast<void*>(tensor.unsafeGetTensorImpl()->unsafe_storage().data());
}

void* address_of(const at::Tensor& tensor) {
  auto* start = static_cast<char*>(storage_address(tensor));
  return start == nullptr ? nullptr : start + tensor.storage_offset() * tensor.itemsize();
}

void own_memory(const at::Tensor& tensor) {
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  if (!c10::impl::cow::is_cow_data_ptr(storage.data_ptr())) {
    return;
  }
  if (tensor.is_mtia()) {
    renew_memory(storage, storage.nbytes(), storage.nbytes(), "copy (on write)");
  } else {
    storage.mutable_data();
  }
}

void grow_storage(const at::Tensor& tensor, size_t bytes, bool keep) {
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  if (bytes > storage.nbytes()) {
    TORCH_CHECK(storage.resizable(), "Trying to resize storage that is not resizable");
    renew_memory(storage, bytes, keep ? storage.nbytes() : 0, "copy (resize)");
  }
}

void set_form(const at::Tensor& tensor, at::IntArrayRef sizes, at::IntArrayRef strides, bool keep) {
  const auto offset = static_cast<size_t>(tensor.storage_offset());
  grow_storage(tensor, at::detail::computeStorageNbytes(sizes, strides, tensor.itemsize(), offset),
               keep);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
}

}  // namespace mtia::aten
