#include "key.h"

#include <array>
#include <cmath>
#include <cstring>

#include "kernel_state.h"

namespace mtia::aten {

namespace {
enum Tag : int64_t {
  None,
  Integer,
  Boolean,
  Floating,
  Complex,
  Text,
  List,
  Device,
  Random,
  Tensor
};

const c10::StorageImpl* storage_of(const at::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl()->unsafe_storage().unsafeGetStorageImpl();
}

class KeyMaker {
 public:
  KeyMaker(const Call& call, Detail detail, Key& key) : call_(call), detail_(detail), key_(key) {}

  bool add(const c10::IValue& value) {
    if (value.isTensor()) {
      value.toTensor().defined() ? tensor(value.toTensor()) : put(None);
    } else if (value.isNone()) {
      put(None);
    } else if (value.isInt()) {
      put(Integer, forms() ? value.toInt() : 0);
    } else if (value.isBool()) {
      put(Boolean, value.toBool());
    } else if (value.isDouble()) {
      put(Floating | is_ordinary(value.toDouble()) << 8);
      number(value.toDouble());
    } else if (value.isComplexDouble()) {
      put(Complex);
      number(value.toComplexDouble());
    } else if (value.isString()) {
      put(Text, static_cast<int64_t>(std::hash<std::string>()(value.toStringRef())));
    } else if (value.isList()) {
      return list(value.toListRef());
    } else if (value.isDevice()) {
      put(Device);  // which one is the call's device: shapes do not depend on it
    } else if (value.isGenerator()) {
      put(Random);
    } else {
      return false;
    }
    return true;
  }

 private:
  void put(int64_t number) { key_.push_back(number); }
  void put(int64_t tag, int64_t number) {
    key_.push_back(tag);
    key_.push_back(number);
  }

  bool forms() const { return detail_ != Detail::Kinds; }

  void bytes(const void* start, size_t count) {
    std::array<int64_t, 2> words{};
    std::memcpy(words.data(), start, count);
    key_.append(words.begin(), words.end());
  }

  template <typename T>
  void number(const T& value) {
    if (detail_ == Detail::Numbers) {
      bytes(&value, sizeof value);
    }
  }

  bool list(at::ArrayRef<c10::IValue> elements) {
    put(List, static_cast<int64_t>(elements.size()));
    for (const c10::IValue& element : elements) {
      if (!add(element)) {
        return false;
      }
    }
    return true;
  }

  void tensor(const at::Tensor& tensor) {
    const auto* impl = tensor.unsafeGetTensorImpl();
    const size_t first = first_with_storage(call_, index_);
    const int64_t flags = int64_t{tensor.is_conj()} | int64_t{tensor.is_neg()} << 1 |
                          int64_t{impl->is_wrapped_number()} << 2 | int64_t{tensor.is_cpu()} << 3 |
                          int64_t{first != index_} << 4;
    const int64_t kind = Tensor | static_cast<int64_t>(tensor.scalar_type()) << 16;
    if (!forms()) {
      put(kind);
      return;
    }
    put(kind | flags << 8 | tensor.dim() << 32);
    if (detail_ == Detail::Numbers && tensor.is_cpu()) {
      bytes(tensor.const_data_ptr(), tensor.itemsize());
    }
    key_.append(tensor.sizes().begin(), tensor.sizes().end());
    key_.append(tensor.strides().begin(), tensor.strides().end());
    if (first != index_) {  // how the two lie to each other
      put(static_cast<int64_t>(first), static_cast<int64_t>(first_same(call_, index_)));
      put(call_.tensors[first].tensor->storage_offset());
      put(tensor.storage_offset());
    }
    ++index_;
  }

  const Call& call_;
  const Detail detail_;
  Key& key_;
  size_t index_ = 0;  // of the next tensor
};
}  // namespace

bool is_ordinary(double number) {
  constexpr double kLargestHalf = 65504;
  return !std::isfinite(number) || std::abs(number) <= kLargestHalf;
}

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

size_t first_same(const Call& call, size_t index) {
  for (size_t i = 0; i < index; ++i) {
    if (call.tensors[i].tensor->is_same(*call.tensors[index].tensor)) {
      return i;
    }
  }
  return index;
}

bool make_key(const Call& call, Detail detail, Key& key) {
  key.push_back(reinterpret_cast<int64_t>(&call.op));
  key.push_back(Settings::now().bits());
  KeyMaker maker(call, detail, key);
  for (const c10::IValue& value : call.arguments) {
    if (!maker.add(value)) {
      return false;
    }
  }
  return true;
}

uint64_t hash(const Key& key) {
  uint64_t hash = 0x9E3779B97F4A7C15u;
  for (int64_t number : key) {
    hash = (hash ^ static_cast<uint64_t>(number)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace mtia::aten
