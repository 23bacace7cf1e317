// Weights that stand where ternarize cannot replace them, brought to the main graph first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/transform/ternarize.h"

namespace onnxpack::transform {

struct Lifted {
  std::optional<model::Splice> splice;  // nothing when the model is as it should be
  std::vector<LeftTensor> left;         // what could not be brought there, and why
};

// Functions that are called with a matrix and multiply or gather are written out where they are
// called: inside of them a weight is an input only. Errors: corrupt, as reading.
Result<Lifted> write_out_functions(const model::ModelFile& model);

// Float matrices that are initializers of bodies of If, Loop and Scan and weights of MatMul, Gemm
// or Gather there become initializers of the main graph, which bodies see, under names that are
// free in the whole model. Errors: as reading a node; corrupt.
Result<Lifted> lift_initializers(const model::ModelFile& model);

}  // namespace onnxpack::transform
