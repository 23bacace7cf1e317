#include "common/kernel_tables.h"

namespace onnxpack::kernels {

std::vector<std::span<const KernelEntry>> kernel_tables() {
  return {
      flex_attention_entries(),
  };
}

}  // namespace onnxpack::kernels
