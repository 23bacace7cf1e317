// FlexAttention by tiles is tried before it is trusted, as ternary kernels are.
#pragma once

#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::ort_ops {

// Whether a small attention in bf16 comes out as by the plain loops, executed by the kernels of
// `features` without a guard.
bool attention_agrees(kernels::CpuFeatures features);

// `allowed`, or what AVX-512 BF16 needs of it if a small attention by AMX runs into an instruction
// that the machine refuses, or is wrong. Other instruction sets are not tried: compilers' run-times
// and the operating system vouch for them.
kernels::CpuFeatures tried_attention_features(kernels::CpuFeatures allowed);

}  // namespace onnxpack::ort_ops
