// Weights that a model holds as integers with scales: behind DequantizeLinear, or as input B of
// com.microsoft.MatMulNBits. They are looked at as the floats that the runtime makes of them.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

// The initializers of the main graph.
using Initializers = std::map<std::string, const model::Constant*>;

struct QuantisedWeight {
  // As the nodes see it: the output of DequantizeLinear; for MatMulNBits a value of that name is
  // made up, the [K, N] matrix that MatMul would have.
  std::string name;
  std::vector<std::int64_t> dims;
  model::DataType type = model::DataType::undefined;  // of the scales
  const model::Constant* codes = nullptr;
  const model::Constant* scales = nullptr;
  const model::Constant* zeros = nullptr;  // null: none
  // Of DequantizeLinear: as its attributes; 0 blocks is one scale, or one per slice along the axis.
  std::int64_t axis = 1;
  std::int64_t block = 0;
  unsigned nbits = 0;  // of MatMulNBits; 0: DequantizeLinear
};

// Nothing where the node is none of the two, or holds its weight in a way that is not looked at:
// not of two dimensions, computed, g_idx, zero points that are no integers.
std::optional<QuantisedWeight> quantised_weight(const onnx::NodeProto& node,
                                                const Initializers& initializers);

// Values of `type`, row by row, as the runtime computes them; or why this is no ternary weight.
// Errors: corrupt (sizes that do not fit), as read_constant. Memory: codes and values.
Result<std::variant<std::vector<std::uint8_t>, std::string>> dequantise(
    const model::ModelFile& model, const QuantisedWeight& weight);

}  // namespace onnxpack::transform
