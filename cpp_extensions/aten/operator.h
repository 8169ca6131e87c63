// What never changes about an operator: facts that its schema, its tags and the dispatcher's
// registry hold. No list of names.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "../sim/types.h"

namespace mtia::aten {

constexpr int kFresh = -1;  // instead of the index of an argument: none of them

struct Operator {
  c10::OperatorHandle handle;
  sim::Name name;               // "add", as pictures show it
  sim::Name full_name;          // "add.Tensor", as the log of calls does
  bool pointwise = false;       // each element from those at its place, so sizes alone give sizes
  bool view = false;            // returns an alias of an argument, and moves no data
  bool needs_values = false;    // only the values decide the sizes, or what it returns is no tensor
  bool trusts_values = false;   // its kernel leaves its memory if the values say so
  bool finds_range = false;     // with two equal numbers for one, it reads the values' own first
  int looks_if = kFresh;        // it looks at values first, or at errors last, if given this
  bool random = false;          // draws from a generator
  int generator = kFresh;       // the argument that names it, if there is one
  std::vector<bool> written{};  // for each argument
  std::vector<bool> by_value{};  // for each argument: it may be a scalar of the host, as on CUDA
  std::vector<int> source{};     // for each return: the argument it is, or kFresh
  std::optional<c10::OperatorHandle> out{};  // the overload that writes into given outputs
  bool gone = false;  // its library was deleted, and with it what the handle stands for

  void check_is_there() const;  // throws if it is gone
};

// For the life of the process, also if a program's library is deleted.
const Operator& operator_of(const c10::OperatorHandle& handle);

// The handle of an operator by name and overload; for the few that stand for another.
c10::OperatorHandle find(const char* name, const char* overload);

// Names, without "aten::", of ATen's operators that have a kernel for the CPU and one for any of
// `others` as well.
std::vector<std::string> names_with_cpu_kernel_and(std::initializer_list<c10::DispatchKey> others);

}  // namespace mtia::aten
