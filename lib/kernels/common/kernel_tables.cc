#include "common/kernel_tables.h"

namespace onnxpack::kernels {

std::vector<std::span<const KernelEntry>> kernel_tables() {
  return {
      flex_attention_entries(),
      ternary_t5r_entries(),
      ternary_u2r_entries(),
      ternary_u2_entries(),
      ternary_gemm_entries(),
      ternary_float_entries(),
      ternary_row_entries(),
  };
}

}  // namespace onnxpack::kernels
