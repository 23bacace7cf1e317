// Whether a model may be said to be of a newer opset without touching its nodes.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

// Good when each operator of the default domain that the main graph uses has at `to` the attributes
// (with their defaults) and the inputs that it has at the model's opset: between such versions onnx
// widened types only. Errors: unsupported, naming the first operator that changed, or bodies and
// functions, which are not looked into.
Status may_raise_opset(const model::ModelFile& model, std::int64_t from, std::int64_t to);

}  // namespace onnxpack::transform
