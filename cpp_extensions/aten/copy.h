// Copies between the host, a device and its peers.
#pragma once

#include <ATen/core/Tensor.h>

namespace mtia::aten {

// Contract of aten::_copy_from: give `to` the values of `from`; at least one is of this backend.
at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking);
at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to);

// Contract of aten::_local_scalar_dense: the value of a tensor of one element, as item() gives it.
at::Scalar local_scalar_dense(const at::Tensor& self);

// Enqueues the copy of a tensor of the host that nothing else writes to.
void copy_to_device(const at::Tensor& from, const at::Tensor& to);

}  // namespace mtia::aten
