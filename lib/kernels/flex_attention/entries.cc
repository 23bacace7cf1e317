#include <array>

#include "common/kernel_tables.h"

namespace onnxpack::kernels {

std::span<const KernelEntry> flex_attention_entries() {
  static constexpr std::array<KernelEntry, 1> entries = {{
      {"flex_attention", Isa::reference, "plain loops, any type"},
  }};
  return entries;
}

}  // namespace onnxpack::kernels
