#include "factories.h"

#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>
#include <c10/core/impl/COW.h>
#include <c10/core/impl/COWDeleter.h>

#include <cstring>

#include "../backend/allocator.h"
#include "../backend/convert.h"
#include "../backend/hooks.h"
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
// log. Returns what it had.
at::DataPtr renew_memory(c10::StorageImpl& storage, size_t bytes, size_t kept, const char* why) {
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
  at::DataPtr before = std::move(storage._mutable_data_ptr_no_checks());
  storage.set_data_ptr_noswap(std::move(renewed));
  forget_clones(storage, 0);
  storage.set_nbytes(bytes);
  return before;
}

// Ends the sharing of a storage's memory with lazy clones, as PyTorch does it: whoever is the last
// to have it keeps it. PyTorch itself would wait for the stream to copy.
void stop_sharing(c10::StorageImpl& storage) {
  using Shared = c10::impl::cow::COWDeleterContext;
  auto* shared = storage.data_ptr().cast_context<Shared>(c10::impl::cow::cow_deleter);
  auto left = shared->decrement_refcount();  // a lock, as long as others have it
  if (auto* last = std::get_if<Shared::LastReference>(&left)) {
    const auto give_back = last->get_deleter();
    void* const memory = last->release();
    (void)storage._mutable_data_ptr_no_checks().release_context();
    storage.set_data_ptr_noswap({memory, memory, give_back, storage.device()});
    forget_clones(storage, 0);
    return;
  }
  try {
    (void)renew_memory(storage, storage.nbytes(), storage.nbytes(), "copy (on write)")
        .release_context();
  } catch (...) {
    shared->increment_refcount();  // it has its share again
    throw;
  }
}
}  // namespace

at::Tensor make_tensor(int device, const TensorSpec& spec, size_t bytes) {
  at::Tensor tensor = on_new_storage(device, bytes, spec.dtype);
  auto* impl = tensor.unsafeGetTensorImpl();
  if (spec.contiguous) {
    impl->set_sizes_contiguous(spec.sizes);
  } else {
    impl->set_sizes_and_strides(spec.sizes, spec.strides);
  }
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
    stop_sharing(storage);
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

void resize_with_storage(const at::Tensor& tensor, at::IntArrayRef sizes, at::IntArrayRef strides,
                         bool keep) {
  const auto offset = static_cast<size_t>(tensor.storage_offset());
  grow_storage(tensor, at::detail::computeStorageNbytes(sizes, strides, tensor.itemsize(), offset),
               keep);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
}

namespace {
void check_sizes(c10::IntArrayRef sizes) {
  for (int64_t size : sizes) {
    TORCH_CHECK(size >= 0, "Trying to create tensor with negative dimension ", size, ": ", sizes);
  }
}

// As PyTorch's own factories do.
void warn_of_complex_half(c10::ScalarType dtype) {
  if (dtype == c10::ScalarType::ComplexHalf) {
    TORCH_WARN_ONCE("ComplexHalf support is experimental and many operators don't support it yet.");
  }
}

// The index of the device that is asked for, if it can hold such a tensor.
int device_for(const TensorOptions& options) {
  backend::first_use();
  TORCH_CHECK_NOT_IMPLEMENTED(options.layout.value_or(c10::kStrided) == c10::kStrided,
                              "the simulated device has no ", *options.layout,
                              " tensors: its kernels work on strided memory. Make it on the CPU");
  TORCH_CHECK(!options.pin_memory.value_or(false),
              "Only dense CPU tensors can be pinned: memory of the device is no host memory. Leave "
              "out pin_memory, or make the tensor on the CPU");
  return sim::checked_device(
      backend::to_index_or_current(options.device.value_or(c10::DeviceType::MTIA)));
}

c10::IntArrayRef concrete(c10::SymIntArrayRef sizes) { return C10_AS_INTARRAYREF_SLOW(sizes); }

// Whether torch.use_deterministic_algorithms() asks for memory whose content is always the same.
bool fills_fresh_memory() {
  const at::Context& context = at::globalContext();
  return context.deterministicAlgorithms() && context.deterministicFillUninitializedMemory();
}

at::Tensor filled_if_asked(at::Tensor tensor) {
  if (fills_fresh_memory()) {
    at::native::fill_empty_deterministic_(tensor);
  }
  return tensor;
}

// Runs `change`, which gives `tensor` other sizes or memory in PyTorch's own steps. They check as
// they go: where one throws, the tensor is made what it was.
template <typename Change>
void change_in_place(const at::Tensor& tensor, const Change& change) {
  auto* impl = tensor.unsafeGetTensorImpl();
  c10::Storage storage = impl->unsafe_storage();
  const TensorSpec before = TensorSpec::of(tensor);
  const int64_t offset = impl->storage_offset();
  try {
    change(impl);
    grow_storage(tensor,
                 at::detail::computeStorageNbytes(impl->sizes(), impl->strides(), tensor.itemsize(),
                                                  static_cast<size_t>(impl->storage_offset())),
                 /*keep=*/true);
  } catch (...) {
    impl->set_storage_keep_dtype(std::move(storage));
    impl->set_sizes_and_strides(before.sizes, before.strides, offset);
    throw;
  }
}
}  // namespace

// [aten.empty]
// Contract: memory for a tensor of this size, whose content is whatever was there.
at::Tensor empty(c10::SymIntArrayRef size, Dtype dtype, std::optional<c10::Layout> layout,
                 std::optional<c10::Device> device, std::optional<bool> pin_memory,
                 std::optional<c10::MemoryFormat> memory_format) {
  const auto sizes = concrete(size);
  check_sizes(sizes);
  warn_of_complex_half(c10::dtype_or_default(dtype));
  at::Tensor tensor = make_contiguous_tensor(device_for({dtype, layout, device, pin_memory}), sizes,
                                             c10::dtype_or_default(dtype));
  if (memory_format.value_or(c10::MemoryFormat::Contiguous) != c10::MemoryFormat::Contiguous) {
    tensor.unsafeGetTensorImpl()->empty_tensor_restride(*memory_format);
  }
  return filled_if_asked(std::move(tensor));
}

// Contract: the same with strides given, which need not be those of any memory format.
at::Tensor empty_strided(std::vector<int64_t> size, std::vector<int64_t> stride,
                         const TensorOptions& options) {
  TensorSpec spec;
  spec.sizes = std::move(size);
  spec.strides = std::move(stride);
  spec.dtype = c10::dtype_or_default(options.dtype);
  check_sizes(spec.sizes);
  warn_of_complex_half(spec.dtype);
  return filled_if_asked(make_tensor(device_for(options), spec, spec.span()));
}

// Contract: zeros that take no memory. Derivatives in forward mode have them where nothing depends
// on the variable, and their products are spared, so that 0 * inf is no NaN.
at::Tensor efficient_zeros(c10::IntArrayRef sizes, const TensorOptions& options) {
  check_sizes(sizes);
  const c10::Device where = backend::to_device(device_for(options));
  const auto meta = c10::scalarTypeToTypeMeta(c10::dtype_or_default(options.dtype));
  auto storage = c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(),
      at::detail::computeStorageNbytesContiguous(sizes, meta.itemsize()),
      at::DataPtr(nullptr, where), &backend::allocator(), /*resizable=*/false);
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage),
      c10::DispatchKeySet({c10::DispatchKey::MTIA, c10::DispatchKey::ZeroTensor}), meta);
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  return tensor;
}

// Contract: the tensor in its new size, with as many of its first elements as fit.
at::Tensor resize(const at::Tensor& self, c10::IntArrayRef size,
                  std::optional<c10::MemoryFormat> memory_format) {
  const auto before = static_cast<int64_t>(self.storage().nbytes());
  change_in_place(self, [&](c10::TensorImpl* impl) {
    at::native::resize_impl_cpu_(impl, size, std::nullopt, /*resize_storage=*/false);
    if (memory_format) {
      TORCH_CHECK(*memory_format != c10::MemoryFormat::Preserve, "Unsupported memory format",
                  *memory_format);
      impl->empty_tensor_restride(*memory_format);
    }
  });
  if (fills_fresh_memory()) {
    at::native::fill_resize_deterministic_(self, before);
  }
  return self;
}

// Contract: the tensor on other memory. The four ways differ in what they take over.
at::Tensor set_storage_at(at::Tensor self, at::Storage source, int64_t offset,
                          c10::IntArrayRef size, c10::IntArrayRef stride) {
  change_in_place(self, [&](c10::TensorImpl* impl) {
    at::native::checkSetStorage(self, std::move(source), offset, size, stride);
    impl->set_storage_offset(offset);
    at::native::resize_impl_cpu_(impl, size,
                                 stride.data() ? at::OptionalIntArrayRef(stride) : std::nullopt,
                                 /*resize_storage=*/false);
  });
  return self;
}

at::Tensor set_storage(const at::Tensor& self, at::Storage source) {
  const auto count = static_cast<int64_t>(source.nbytes() / self.itemsize());
  return set_storage_at(self, std::move(source), 0, {count}, {});
}

at::Tensor set_tensor(const at::Tensor& self, const at::Tensor& source) {
  return self.unsafeGetTensorImpl() == source.unsafeGetTensorImpl()
             ? self
             : set_storage_at(self, source.storage(), source.storage_offset(), source.sizes(),
                              source.strides());
}

at::Tensor set_nothing(const at::Tensor& self) {
  return set_tensor(self, make_contiguous_tensor(self.get_device(), {0}, self.scalar_type()));
}

// Contract: the tensor's memory is used on `stream` too, and is not reused before that is done.
void record_stream(const at::Tensor& self, c10::Stream stream) {
  backend::allocator().recordStream(self.storage().data_ptr(), stream);
}

}  // namespace mtia::aten
