// ONNX Runtime Model Package's own rule, for parity (model_package_variant_selector.cc and its
// README).
#pragma once

#include "onnxpack/select/select.h"

namespace onnxpack::select {

// Only the first EP; the variant's ep must equal it; its device must be one the target has (the CPU
// EP always has cpu); then the score of the compatibility text: optimal 100, prefer-recompilation
// 50, not-applicable 0, unsupported refused; ties by declaration order. Requirements, shapes and
// evidence play no part, and there is no fallback to another EP or to the original graph.
Result<Selection> rank_as_ort(const manifest::Manifest& manifest, const Request& request,
                              const manifest::Component& component);

// The error of an empty ladder, naming what came nearest.
std::unexpected<Error> nothing_suits(const Request& request,
                                     const std::vector<Ranked>& nearest_first);

}  // namespace onnxpack::select
