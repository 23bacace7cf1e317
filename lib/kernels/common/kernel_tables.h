// The operations' tables; a new operation is a line here and one in kernel_tables.cc.
#pragma once

#include <span>
#include <vector>

#include "onnxpack/kernels/kernel_list.h"

namespace onnxpack::kernels {

std::span<const KernelEntry> flex_attention_entries();
std::span<const KernelEntry> ternary_t5r_entries();
std::span<const KernelEntry> ternary_u2r_entries();
std::span<const KernelEntry> ternary_u2_entries();
std::span<const KernelEntry> ternary_gemm_entries();
std::span<const KernelEntry> ternary_float_entries();
std::span<const KernelEntry> ternary_row_entries();

std::vector<std::span<const KernelEntry>> kernel_tables();

}  // namespace onnxpack::kernels
