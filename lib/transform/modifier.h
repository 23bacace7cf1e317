// A FlexAttention modifier graph as a tile program.
//
// Every tensor of the graph is virtual: its sizes and its element are expressions over the tile's
// indices, so Shape, Range, Gather, Reshape, Expand, Slice, Unsqueeze and the like rearrange
// expressions and compute nothing. What reads scores of other positions (reductions, sorts, shifted
// scores) cannot be so written: such a modifier is not tileable, and its node is expanded instead.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::transform {

namespace flex = kernels::flex;

// What is known of an outer value that a modifier captures.
struct OuterValue {
  std::int32_t data_type = 0;  // onnx::TensorProto::DataType
  std::size_t rank = 0;
};
using OuterLookup = std::function<std::optional<OuterValue>(const std::string& name)>;

struct Modifier {
  flex::Program program;
  // Names of the captured values, in the order of the program's captured tables.
  std::vector<std::string> captured;
};

// Errors: the reason why the graph is not tileable, naming the node.
kernels::Result<Modifier> compile_modifier(const onnx::GraphProto& graph, flex::Type precision,
                                           const OuterLookup& outer);

std::optional<flex::Type> tile_type(std::int32_t data_type);

}  // namespace onnxpack::transform
