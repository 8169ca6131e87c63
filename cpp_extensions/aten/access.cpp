#include "access.h"

#include <c10/util/StringUtil.h>

#include "../backend/pinned.h"
#include "../sim/memory/addresses.h"
#include "arguments.h"
#include "tensor.h"

namespace mtia::aten {

std::optional<sim::Access> access_to(const at::Tensor& tensor, bool write) {
  if (tensor.numel() == 0 || !tensor.has_storage()) {
    return std::nullopt;
  }
  sim::Access access;
  if (tensor.is_mtia()) {
    access.at = address_of(tensor);
    access.device = static_cast<int>(tensor.get_device());
    access.address = sim::offset_of(access.at);
  } else {
    access.at = tensor.const_data_ptr();
    access.device = sim::kPinned;
    access.address = tensor.is_cpu() ? backend::pinned_offset(access.at) : -1;
    if (access.address < 0) {
      return std::nullopt;
    }
  }
  const Form form = Form::of(tensor);
  access.bytes = static_cast<int64_t>(form.span());
  access.write = write;
  access.tensor = describe(c10::IValue(tensor));
  if (!form.contiguous) {
    access.tensor += c10::str(" strides ", tensor.strides());
  }
  return access;
}

void note_access(sim::Command& command, const at::Tensor& tensor, bool write) {
  if (auto access = access_to(tensor, write)) {
    command.accesses.push_back(std::move(*access));
  }
}

}  // namespace mtia::aten
