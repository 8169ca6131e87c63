#include "access.h"

#include <string>

#include "../backend/pinned.h"
#include "../sim/memory.h"
#include "tensor.h"

namespace mtia::aten {

namespace {
std::string list(at::IntArrayRef values) {
  std::string text = "[";
  for (const int64_t value : values) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(value);
  }
  return text + "]";
}

std::string what(const Form& form) {
  std::string text(c10::getDtypeNames(form.dtype).first);
  text += list(form.sizes);
  return form.contiguous ? text : text + " strides " + list(form.strides);
}
}  // namespace

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
  access.tensor = what(form);
  return access;
}

void note_access(sim::Command& command, const at::Tensor& tensor, bool write) {
  if (auto access = access_to(tensor, write)) {
    command.accesses.push_back(std::move(*access));
  }
}

}  // namespace mtia::aten
