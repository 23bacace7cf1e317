#include <array>

#include "common/kernel_tables.h"

namespace onnxpack::kernels {

std::span<const KernelEntry> flex_attention_entries() {
  static constexpr std::array<KernelEntry, 6> entries = {{
      {"flex_attention", Isa::amx_bf16, "as avx512_bf16, products of bf16 by tiles of AMX"},
      {"flex_attention", Isa::avx512_bf16, "as avx512, and bf16 without a detour by f32"},
      {"flex_attention", Isa::avx512, "tiles of 96 queries by 128 keys"},
      {"flex_attention", Isa::avx2, "tiles of 96 queries by 128 keys"},
      {"flex_attention", Isa::neon, "tiles of 96 queries by 128 keys"},
      {"flex_attention", Isa::reference, "plain loops, any type"},
  }};
  return entries;
}

}  // namespace onnxpack::kernels
