// The walk over a modifier graph: every node's result as a virtual tensor, from those of its
// inputs.
//
// One class, by concern in several files: modifier_compiler.cc has the walk and what every operator
// uses, modifier_arithmetic.cc the operators that calculate, modifier_casts.cc those that change
// the type, modifier_shapes.cc those that make or read shapes, modifier_moves.cc those that move
// elements about.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modifier.h"
#include "modifier_values.h"

namespace onnxpack::transform {

class ModifierCompiler {
 public:
  ModifierCompiler(flex::Type precision, const OuterLookup& outer)
      : precision_(precision), outer_(outer) {}
  Modifier compile(const onnx::GraphProto& graph);

 private:
  using Node = onnx::NodeProto;
  flex::Builder& b() { return values_.builder(); }
  Value& input(const Node& node, int index);
  bool has_input(const Node& node, int index) const {
    return index < node.input_size() && !node.input(index).empty();
  }
  Value captured(const std::string& name);
  void compile_node(const Node& node);
  Value evaluate(const Node& node);
  std::optional<Value> elementwise(const Node& node);
  std::optional<Value> composed(const Node& node);
  std::optional<Value> rearranged(const Node& node);

  Value map(flex::Op op, std::vector<const Value*> values,
            std::optional<flex::Type> type = std::nullopt);
  Value map(flex::Op op, const Value& a, const Value& c) { return map(op, {&a, &c}); }
  Value number(flex::Type type, double value);
  void no_narrow(const Value& value) const {
    if (value.narrow != 0) throw NotTileable("calculates with an 8 or 16-bit integer");
  }

  Value cast(const Value& value, std::int64_t data_type);
  Value clip(const Node& node);
  Value quantize(const Node& node);
  Value dequantize(const Node& node);
  Value constant(const Node& node);
  Value shape(const Node& node);
  Value gather(const Node& node);
  Value gather_nd(const Node& node);
  Value range(const Node& node);
  Value reshape(const Node& node);
  Value expand(const Node& node);
  Value unsqueeze(const Node& node);
  Value squeeze(const Node& node);
  Value slice(const Node& node);
  Value concat(const Node& node);
  Value transpose(const Node& node);
  Value constant_of_shape(const Node& node);
  Value triangle(const Node& node);
  std::vector<std::int64_t> axes(const Node& node, int index);

  Values values_;
  flex::Type precision_;
  const OuterLookup& outer_;
  std::map<std::string, Value> known_;
  std::vector<std::string> captured_;
};

// A node's attribute, else nullptr or `otherwise`.
const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name);
std::int64_t integer(const onnx::NodeProto& node, std::string_view name, std::int64_t otherwise);
float real(const onnx::NodeProto& node, std::string_view name, float otherwise);

// The axis counted from the left. Throws NotTileable.
std::size_t positive(std::int64_t axis, std::size_t rank);

}  // namespace onnxpack::transform
