// Model-local functions, written out where they are called.
#pragma once

#include <functional>
#include <optional>

#include "onnxpack/base/error.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"

namespace onnx {
class NodeProto;
}

namespace onnxpack::transform {

// Whether a node that `wanted` says yes to stands in a function, or in a body of the main graph or
// of a function. Errors: corrupt, io.
Result<bool> is_nested(const model::ModelFile& model,
                       const std::function<bool(const onnx::NodeProto&)>& wanted);

// Writes every call of a function out that holds such a node, itself or through another function,
// in bodies too, and leaves those functions away. Attributes, also referred ones, and captured
// values are the call's. Nothing when there is none. Errors: corrupt (a call that does not fit, a
// function that calls itself); unsupported (the function's operators are of an opset that means
// something else in the model's).
Result<std::optional<model::Splice>> inline_functions(
    const model::ModelFile& model, const std::function<bool(const onnx::NodeProto&)>& wanted);

}  // namespace onnxpack::transform
