// What a tensor looks like, and tensors of the CPU that take that look and any memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

namespace mtia::aten {

struct TensorSpec {
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t offset = 0;  // elements from the start of its storage
  c10::ScalarType dtype = c10::ScalarType::Float;
  bool conjugate = false;
  bool negative = false;
  bool wrapped_number = false;  // a Python number: 0-dim, and weak in type promotion
  bool contiguous = false;

  static TensorSpec of(const at::Tensor& tensor);
  static TensorSpec for_copy_of(const at::Tensor& tensor);  // of a new tensor to copy this one to
  size_t span() const;    // bytes from the start of the storage to the last element's end
  int64_t numel() const;  // elements
};

// Row by row, the last dimension first.
std::vector<int64_t> contiguous_strides(at::IntArrayRef sizes);

// A tensor of the CPU (or of the meta device) whose sizes, strides and dtype are fixed, and which
// is bound to other memory for every use. So a kernel of the CPU can be given raw device memory,
// again and again, without making a tensor each time.
class RebindableTensor {
 public:
  // On a storage of its own, or on that of another one.
  RebindableTensor(const TensorSpec& spec, c10::DispatchKey key, size_t bytes);
  RebindableTensor(const TensorSpec& spec, const RebindableTensor& other);

  const at::Tensor& tensor() const { return tensor_; }
  void bind(void* memory) const;

  // Makes it as `spec` again, without memory.
  void reset(const TensorSpec& spec) const;

  // Makes it as `spec` again once a kernel was done with it, whose result is to lie in `memory`, to
  // which it was bound, as `after` says: a kernel may give what it writes other strides, or memory
  // of its own, or leave it to be conjugated. False if the kernel gave it other sizes than that.
  bool restore(const TensorSpec& spec, const TensorSpec& after, void* memory) const;

 private:
  void make(const TensorSpec& spec, c10::DispatchKey key);

  c10::Storage storage_;
  size_t bytes_;
  at::Tensor tensor_;
};

// A tensor of the host that holds one element.
class HostScalar {
 public:
  explicit HostScalar(c10::ScalarType dtype);
  HostScalar(const HostScalar&) = delete;
  HostScalar& operator=(const HostScalar&) = delete;

  const at::Tensor& tensor() const { return rebindable_.tensor(); }
  const void* data() const { return bytes_.data(); }
  c10::Scalar value() const;

 private:
  alignas(16) std::array<char, 16> bytes_{};  // the largest element, a complex double
  RebindableTensor rebindable_;
};

}  // namespace mtia::aten
