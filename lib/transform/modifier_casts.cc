#include "modifier_compiler.h"

#include <fmt/format.h>

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

Value ModifierCompiler::cast(const Value& value, std::int64_t data_type) {
  const auto to = static_cast<std::int32_t>(data_type);
  if (const auto type = tile_type(to)) return map(Op::cast, {&value}, *type);
  const bool is_signed = to == onnx::TensorProto::INT8 || to == onnx::TensorProto::INT16;
  const bool eight = to == onnx::TensorProto::INT8 || to == onnx::TensorProto::UINT8;
  if (!is_signed && !eight && to != onnx::TensorProto::UINT16)
    throw NotTileable(fmt::format("casts to data type {}", to));
  // Wraps, as runtimes do: (x + half) mod span - half.
  const double span = eight ? 256 : 65536;
  const double half = is_signed ? span / 2 : 0;
  const Value whole = map(Op::cast, {&value}, Type::i32);
  const Value shifted = map(Op::add, whole, number(Type::i32, half));
  Value out =
      map(Op::subtract, map(Op::modulo, shifted, number(Type::i32, span)), number(Type::i32, half));
  out.narrow = to;
  return out;
}

namespace {

struct IntegerRange {
  double low, high;
};
IntegerRange range_of(std::int64_t data_type) {
  switch (data_type) {
    case onnx::TensorProto::INT8:
      return {-128, 127};
    case onnx::TensorProto::INT16:
      return {-32768, 32767};
    case onnx::TensorProto::UINT16:
      return {0, 65535};
    case 0:
    case onnx::TensorProto::UINT8:
      return {0, 255};
    default:
      throw NotTileable(fmt::format("quantises to data type {}", data_type));
  }
}

}  // namespace

// Per tensor only: scale and zero point of one element.
Value ModifierCompiler::quantize(const Node& node) {
  const Value& x = input(node, 0);
  const Value& scale = input(node, 1);
  if (!scale.items || scale.items->size() != 1) throw NotTileable("quantises per axis");
  std::int64_t data_type = integer(node, "output_dtype", 0);
  Value zero = number(Type::i32, 0);
  if (has_input(node, 2)) {
    zero = input(node, 2);
    data_type = zero.narrow;
    zero.narrow = 0;
  }
  const IntegerRange range = range_of(data_type);
  const Value factor = scale.type == x.type ? scale : map(Op::cast, {&scale}, x.type);
  const Value quotient = map(Op::divide, x, factor);
  const Value rounded = map(Op::round, {&quotient});
  const Value offset = map(Op::cast, {&zero}, x.type);
  const Value shifted = map(Op::add, rounded, offset);
  const Value above = map(Op::maximum, shifted, number(x.type, range.low));
  const Value within = map(Op::minimum, above, number(x.type, range.high));
  Value out = map(Op::cast, {&within}, Type::i32);
  out.narrow = data_type == 0 ? static_cast<std::int32_t>(onnx::TensorProto::UINT8)
                              : static_cast<std::int32_t>(data_type);
  return out;
}

Value ModifierCompiler::dequantize(const Node& node) {
  const Value& x = input(node, 0);
  const Value& scale = input(node, 1);
  if (!scale.items || scale.items->size() != 1) throw NotTileable("dequantises per axis");
  Value difference = x;
  difference.narrow = 0;
  if (has_input(node, 2)) {
    Value zero = input(node, 2);
    zero.narrow = 0;
    difference = map(Op::subtract, difference, zero);
  }
  const Value as_real = map(Op::cast, {&difference}, scale.type);
  return map(Op::multiply, as_real, scale);
}

}  // namespace onnxpack::transform
