#include <array>

#include "ternary_weights.h"
#include "trial.h"

namespace onnxpack::ort_ops {
namespace {

using kernels::CpuFeatures;
using kernels::Isa;

bool passes(CpuFeatures features) {
  return runs_without_fault(
      [&] { return kernels::ternary::self_test(kernels::ternary::choose_kernels(features)); });
}

}  // namespace

TernaryKernels tried_ternary_kernels(CpuFeatures allowed) {
  // Those of the other architecture are left with nothing, and skipped.
  const std::array<CpuFeatures, 7> attempts = {
      allowed,
      intersect(allowed, CpuFeatures::only(Isa::avx512_vbmi)),
      intersect(allowed, CpuFeatures::only(Isa::avx512_vnni)),
      intersect(allowed, CpuFeatures::only(Isa::avx_vnni)),
      intersect(allowed, CpuFeatures::only(Isa::avx2)),
      intersect(allowed, CpuFeatures::only(Isa::neon_dot)),
      intersect(allowed, CpuFeatures::only(Isa::neon))};
  for (CpuFeatures features : attempts)
    if (features != CpuFeatures() && passes(features))
      return TernaryKernels{kernels::ternary::choose_kernels(features), features};
  return TernaryKernels{kernels::ternary::choose_kernels({}), {}};
}

const TernaryKernels& ternary_kernels() {
  static const TernaryKernels found = [] {
    const auto allowed = process_features();
    return tried_ternary_kernels(allowed ? *allowed : CpuFeatures());
  }();
  return found;
}

}  // namespace onnxpack::ort_ops
