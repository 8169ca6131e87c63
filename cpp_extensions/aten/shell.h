// A shell: a tensor of the CPU (or of the meta device) whose sizes, strides and dtype are fixed and
// whose memory is lent to it anew for every use. So a kernel of the CPU can be given raw device
// memory, again and again, without making a tensor each time.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mtia::aten {

// What a tensor looks like.
struct Form {
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t offset = 0;  // elements from the start of its storage
  c10::ScalarType dtype = c10::ScalarType::Float;
  bool conjugate = false;
  bool negative = false;
  bool wrapped_number = false;  // a Python number in a tensor's clothes: weak in type promotion
  bool contiguous = false;

  static Form of(const at::Tensor& tensor);
  static Form fresh(const at::Tensor& tensor);  // of a new tensor to copy this one to
  size_t span() const;    // bytes from the start of the storage to the last element's end
  int64_t count() const;  // elements
};

// Row by row, the last dimension first.
std::vector<int64_t> contiguous_strides(at::IntArrayRef sizes);

class Shell {
 public:
  // On a storage of its own, or on that of another shell.
  Shell(const Form& form, c10::DispatchKey key, size_t bytes);
  Shell(const Form& form, const Shell& other);

  const at::Tensor& tensor() const { return tensor_; }
  void lend(void* memory) const;

  // Makes it `form` again, without memory.
  void reset(const Form& form) const;

  // Makes it `form` again once a kernel was done with it, whose result lies in the memory that was
  // lent as `after` says: a kernel may give what it writes other strides, or memory of its own, or
  // leave it to be conjugated. False if it gave it other sizes than that.
  bool restore(const Form& form, const Form& after, void* memory) const;

 private:
  void shape(const Form& form, c10::DispatchKey key);

  c10::Storage storage_;
  size_t bytes_;
  at::Tensor tensor_;
};

}  // namespace mtia::aten
