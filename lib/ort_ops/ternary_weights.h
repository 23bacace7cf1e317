// What the ternary operators share: their attributes and constant inputs, checked and made ready.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "onnxpack/kernels/ternary/matmul.h"
#include "ort.h"

namespace onnxpack::ort_ops {

// A stored matrix in memory that somebody else holds (the session's initializer, often pages of a
// mapped file), or in a form made from it, which all sessions of the process with equal weights
// share.
struct TernaryWeights {
  kernels::ternary::Layout layout;
  const std::uint8_t* bytes = nullptr;
  kernels::ternary::ScaleLayout scale_layout;
  std::vector<float>
      scales;  // in the stored order; TernaryMatMul has those of blocks in the kernels'
  std::shared_ptr<const std::vector<std::uint8_t>> made;

  kernels::ternary::Weights view() const { return {layout, bytes, scale_layout, scales.data()}; }
};

// Attributes encoding, N, K, block_size; constant inputs `codes` (uint8) and `codes` + 1 (scales).
// Every byte is checked once, here. Errors: say which attribute or input, found and expected.
Result<TernaryWeights> read_ternary_weights(const KernelInfo& info, std::size_t codes);

// Transcodes to the form that kernels::ternary::form_to_run() names. ONNXPACK_TERNARY_FORM
// overrides it: "stored" or "u2r". Errors: an unknown name there.
Status make_ready(TernaryWeights& weights, kernels::CpuFeatures features, std::size_t threads);

// The best kernels that `allowed` allows and that pass their self-test, which runs with SIGILL
// caught. Never fails: the plain kernels are the last resort.
struct TernaryKernels {
  kernels::ternary::KernelSet set;
  kernels::CpuFeatures features;
};
TernaryKernels tried_ternary_kernels(kernels::CpuFeatures allowed);
// Those of this process, from what process_features() allows; tried once.
const TernaryKernels& ternary_kernels();

}  // namespace onnxpack::ort_ops
