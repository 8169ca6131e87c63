#include "native.h"

#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>

#include "../backend/allocator.h"
#include "../backend/convert.h"
#include "../backend/first_use.h"
#include "tensor.h"

namespace mtia::aten {

namespace {
void check_sizes(c10::IntArrayRef sizes) {
  for (int64_t size : sizes) {
    TORCH_CHECK(size >= 0, "Trying to create tensor with negative dimension ", size, ": ", sizes);
  }
}

// The index of the device that is asked for, if it can hold such a tensor.
int device_for(std::optional<c10::Layout> layout, std::optional<c10::Device> device,
               std::optional<bool> pin_memory) {
  backend::first_use();
  TORCH_CHECK_NOT_IMPLEMENTED(layout.value_or(c10::kStrided) == c10::kStrided,
                              "the simulated device has no ", *layout,
                              " tensors: its kernels work on strided memory. Make it on the CPU");
  TORCH_CHECK(!pin_memory.value_or(false),
              "Only dense CPU tensors can be pinned: memory of the device is no host memory. Leave "
              "out pin_memory, or make the tensor on the CPU");
  return sim::checked_device(backend::to_index_or_current(device.value_or(c10::DeviceType::MTIA)));
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

// Runs `change`, which gives `tensor` another form in PyTorch's own steps. They check as they go:
// where one throws, the tensor is made what it was.
template <typename Change>
void change_form(const at::Tensor& tensor, const Change& change) {
  auto* impl = tensor.unsafeGetTensorImpl();
  c10::Storage storage = impl->unsafe_storage();
  const Form before = Form::of(tensor);
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
  at::Tensor tensor = make_contiguous_tensor(device_for(layout, device, pin_memory), sizes,
                                             c10::dtype_or_default(dtype));
  if (memory_format.value_or(c10::MemoryFormat::Contiguous) != c10::MemoryFormat::Contiguous) {
    tensor.unsafeGetTensorImpl()->empty_tensor_restride(*memory_format);
  }
  return filled_if_asked(std::move(tensor));
}

// Contract: the same with strides given, which need not be those of any memory format.
at::Tensor empty_strided(std::vector<int64_t> size, std::vector<int64_t> stride, Dtype dtype,
                         std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                         std::optional<bool> pin_memory) {
  Form form;
  form.sizes = std::move(size);
  form.strides = std::move(stride);
  form.dtype = c10::dtype_or_default(dtype);
  check_sizes(form.sizes);
  return filled_if_asked(make_tensor(device_for(layout, device, pin_memory), form, form.span()));
}

// Contract: zeros that take no memory. Derivatives in forward mode have them where nothing depends
// on the variable, and their products are spared, so that 0 * inf is no NaN.
at::Tensor efficient_zeros(c10::IntArrayRef sizes, Dtype dtype, std::optional<c10::Layout> layout,
                           std::optional<c10::Device> device, std::optional<bool> pin_memory) {
  check_sizes(sizes);
  const c10::Device where = backend::to_device(device_for(layout, device, pin_memory));
  const auto meta = c10::scalarTypeToTypeMeta(c10::dtype_or_default(dtype));
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
  change_form(self, [&](c10::TensorImpl* impl) {
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
  change_form(self, [&](c10::TensorImpl* impl) {
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
