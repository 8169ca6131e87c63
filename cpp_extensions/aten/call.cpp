#include "call.h"

#include <ATen/EmptyTensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <unordered_map>

#include "../backend/convert.h"
#include "../backend/pinned.h"
#include "../sim/log/layout.h"
#include "../sim/memory/addresses.h"
#include "factories.h"

namespace mtia::aten {

bool is_tensor_list(const c10::IValue& value) {
  if (!value.isList()) {
    return false;
  }
  const auto elements = value.toListRef();
  return std::all_of(elements.begin(), elements.end(), [](const c10::IValue& element) {
    return element.isTensor() || element.isNone();
  });
}

Call::Call(const Operator& called, torch::jit::Stack& values)
    : op(called),
      stack(values),
      arguments(torch::jit::last(values, called.handle.schema().arguments().size())) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    for_each_tensor(arguments[i], [&](const at::Tensor& tensor) {
      tensors.push_back({&tensor, static_cast<int>(i)});
      if (device < 0 && tensor.is_mtia()) {
        device = tensor.get_device();
      }
    });
  }
  for (const c10::IValue& value : arguments) {
    if (device < 0 && value.isDevice() && value.toDevice().is_mtia()) {
      device = backend::to_index_or_current(value.toDevice());
    }
  }
  device = sim::checked_device(device < 0 ? sim::current_device() : device);
}

void Call::replace_arguments(at::ArrayRef<c10::IValue> results) {
  torch::jit::drop(stack, arguments.size());
  for (const c10::IValue& result : results) {
    stack.push_back(result);
  }
}

namespace {
const c10::StorageImpl* storage_of(const at::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
}
}  // namespace

size_t first_with_storage(const Call& call, size_t index) {
  if (call.tensors[index].tensor->is_cpu()) {
    return index;  // taken by value
  }
  const auto* storage = storage_of(*call.tensors[index].tensor);
  for (size_t i = 0; i < index; ++i) {
    if (storage_of(*call.tensors[i].tensor) == storage) {
      return i;
    }
  }
  return index;
}

size_t first_identical(const Call& call, size_t index) {
  for (size_t i = 0; i < index; ++i) {
    if (call.tensors[i].tensor->is_same(*call.tensors[index].tensor)) {
      return i;
    }
  }
  return index;
}

Aliases aliases_of(const Call& call) {
  Aliases found;
  std::unordered_map<const void*, size_t> storages, tensors;
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    const at::Tensor& tensor = *call.tensors[i].tensor;
    const size_t first =
        tensor.is_cpu() ? i : storages.emplace(storage_of(tensor), i).first->second;
    found.storage.push_back(first);
    found.tensor.push_back(tensors.emplace(tensor.unsafeGetTensorImpl(), i).first->second);
    found.shared.push_back(first != i);
    found.shared[first] = found.shared[first] || first != i;
  }
  return found;
}

namespace {
void check_strided(const Call& call, const TensorArgument& given) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      given.tensor->layout() == c10::kStrided, "the simulated device has no ",
      given.tensor->layout(), " tensors, but argument ", given.argument + 1, " of ",
      *call.op.full_name,
      " is one: its kernels work on strided memory. Compute on the dense tensor (to_dense()), or "
      "on the CPU");
}

// A number in Python is one wherever it stands.
bool is_by_value(const Call& call, const TensorArgument& given) {
  const at::Tensor& tensor = *given.tensor;
  return tensor.is_cpu() && tensor.dim() == 0 && !call.op.written[given.argument] &&
         (call.op.by_value[given.argument] || tensor.unsafeGetTensorImpl()->is_wrapped_number());
}

void check_device(const Call& call, const TensorArgument& given) {
  const c10::Device device = backend::to_device(call.device);
  const at::Tensor& tensor = *given.tensor;
  TORCH_CHECK(tensor.device() == device || is_by_value(call, given),
              "Expected all tensors to be on the same device, but found at least two devices, ",
              device, " and ", tensor.device(), "! (when checking argument '",
              call.op.handle.schema().arguments()[given.argument].name(), "' of ",
              *call.op.full_name, ". Move it with .to('", device, "'))");
}
}  // namespace

void prepare_tensors(const Call& call) {
  int scalars = 0;  // of the host
  for (const TensorArgument& given : call.tensors) {
    check_strided(call, given);
    check_device(call, given);
    if (given.tensor->is_mtia()) {
      check_in_storage(*given.tensor, *call.op.full_name);
      if (call.op.written[given.argument]) {
        own_memory(*given.tensor);
      }
    } else if (!given.tensor->unsafeGetTensorImpl()->is_wrapped_number()) {
      ++scalars;
    }
  }
  TORCH_CHECK(scalars < 2 || *call.op.name == "where", "Trying to pass too many CPU scalars to ",
              *call.op.full_name,
              ": as on CUDA, one tensor of the host may stand for a number. "
              "Move the others with .to('",
              backend::to_device(call.device), "')");
}

void check_in_storage(const at::Tensor& tensor, const std::string& used_by) {
  const auto offset = static_cast<size_t>(tensor.storage_offset());
  const size_t needed =
      tensor.is_contiguous()
          ? at::detail::computeStorageNbytesContiguous(tensor.sizes(), tensor.itemsize(), offset)
          : at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.itemsize(),
                                             offset);
  const size_t there = tensor.storage().nbytes();
  TORCH_CHECK(tensor.numel() == 0 || needed <= there, used_by, " got a tensor, ",
              describe(c10::IValue(tensor)), ", that needs ", needed,
              " bytes of its storage, which has ", there,
              ": it was resized after the tensor was made. Give it its size again with "
              "untyped_storage().resize_(",
              needed, ")");
}

std::string describe(const c10::IValue& value) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) {
      return "None";
    }
    std::ostringstream text;
    text << c10::getDtypeNames(tensor.scalar_type()).first << tensor.sizes();
    return text.str();
  }
  std::ostringstream text;
  if (value.isList()) {
    text << '[' << describe(value.toListRef()) << ']';
  } else if (value.isGenerator()) {
    text << "generator";  // printed, it would show an address
  } else {
    text << value;
  }
  return text.str();
}
std::string describe(at::ArrayRef<c10::IValue> arguments) {
  std::string text;
  for (const c10::IValue& value : arguments) {
    text += (text.empty() ? "" : ", ") + describe(value);
  }
  return text;
}

namespace {
const sim::Layout* layout_of(TensorSpec spec) {
  sim::Layout layout;
  layout.dtype = c10::getDtypeNames(spec.dtype).first;
  layout.itemsize = static_cast<int64_t>(c10::elementSize(spec.dtype));
  layout.sizes = std::move(spec.sizes);
  if (!spec.contiguous) {
    layout.strides = std::move(spec.strides);
  }
  return sim::intern(std::move(layout));
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
    access.address = tensor.is_cpu() ? backend::pinned_allocator().offset_of(access.at) : -1;
    if (access.address < 0) {
      return std::nullopt;
    }
  }
  TensorSpec spec = TensorSpec::of(tensor);
  access.bytes = static_cast<int64_t>(spec.span());
  access.write = write;
  access.layout = layout_of(std::move(spec));
  return access;
}

void note_access(sim::Command& command, const at::Tensor& tensor, bool write) {
  if (auto access = access_to(tensor, write)) {
    command.accesses.push_back(std::move(*access));
  }
}

}  // namespace mtia::aten
