// The table of contents of this folder: every kernel, which one a machine gets, and why not
// another.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::kernels {

// One kernel of an operation. An operation's entries stand together, best first, the reference
// last: the first whose instruction set the machine has is the one that runs.
struct KernelEntry {
  std::string_view operation;  // "flex_attention"
  Isa isa = Isa::reference;
  std::string_view what;  // one line: what is special about it
};

// Index of the first usable entry. Requires: the last is a reference kernel.
std::size_t choose_kernel(std::span<const KernelEntry> entries, CpuFeatures features);

struct KernelChoice {
  KernelEntry entry;
  bool chosen = false;
  std::string why;  // why it is not chosen; empty when it is
};

// Every kernel of every operation, in the order of the operations' tables. `machine` is what the
// CPU has, `allowed` what is left of it after choose_features().
std::vector<KernelChoice> list_kernels(CpuFeatures machine, CpuFeatures allowed);

}  // namespace onnxpack::kernels
