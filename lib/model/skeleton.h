// The model as an onnx::ModelProto without its large weights. The only header here that shows
// onnx's types.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

// Tensors up to here stay whole: shape inference computes with them, and none of them is a weight
// worth leaving out.
inline constexpr std::uint64_t small_tensor = 4096;

// Every tensor carries, as an external_data entry of its own, its index in model.constants(). Small
// ones keep their values; large and external ones keep name, type and shape and say data_location
// EXTERNAL. Documentation and node metadata are left out. Errors: corrupt (protobuf does not parse
// it), unsupported (over 1 GiB without weights).
Result<std::unique_ptr<onnx::ModelProto>> load_skeleton(const ModelFile& model);

std::optional<std::size_t> constant_index(const onnx::TensorProto& tensor);
bool is_left_out(const onnx::TensorProto& tensor);
bool is_left_out(const onnx::SparseTensorProto& tensor);

}  // namespace onnxpack::model
