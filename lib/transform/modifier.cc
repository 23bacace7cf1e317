#include "modifier.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "modifier_values.h"

namespace onnxpack::transform {
namespace {

using flex::Op;
using flex::Type;

constexpr std::size_t score_table = 0;

class Compiler {
 public:
  Compiler(Type precision, const OuterLookup& outer) : precision_(precision), outer_(outer) {}
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

  Value map(Op op, std::vector<const Value*> values, std::optional<Type> type = std::nullopt);
  Value map(Op op, const Value& a, const Value& c) { return map(op, {&a, &c}); }
  Value number(Type type, double value);
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
  Type precision_;
  const OuterLookup& outer_;
  std::map<std::string, Value> known_;
  std::vector<std::string> captured_;
};

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}
std::int64_t integer(const onnx::NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const auto* found = attribute(node, name);
  return found == nullptr ? otherwise : found->i();
}
float real(const onnx::NodeProto& node, std::string_view name, float otherwise) {
  const auto* found = attribute(node, name);
  return found == nullptr ? otherwise : found->f();
}

std::size_t positive(std::int64_t axis, std::size_t rank) {
  const std::int64_t out = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
  if (out < 0 || out >= static_cast<std::int64_t>(rank))
    throw NotTileable(fmt::format("axis {} of rank {}", axis, rank));
  return static_cast<std::size_t>(out);
}

Value& Compiler::input(const Node& node, int index) {
  if (!has_input(node, index)) throw NotTileable(fmt::format("input {} is missing", index));
  const std::string& name = node.input(index);
  auto found = known_.find(name);
  if (found == known_.end()) found = known_.emplace(name, captured(name)).first;
  return found->second;
}

Value Compiler::captured(const std::string& name) {
  const auto outer = outer_(name);
  if (!outer)
    throw NotTileable(fmt::format("type or rank of the captured '{}' is not known", name));
  const auto type = tile_type(outer->data_type);
  if (!type || outer->rank > 8)
    throw NotTileable(fmt::format("captured '{}' has data type {} and rank {}", name,
                                  outer->data_type, outer->rank));
  const std::size_t number =
      b().add_table({*type, static_cast<std::uint8_t>(outer->rank), true, {}, {}});
  captured_.push_back(name);
  Value out = values_.table(number, *type, outer->rank);
  if (outer->rank == 0) out.items = std::vector<NodeId>{out.element};
  return out;
}

Value Compiler::map(Op op, std::vector<const Value*> values, std::optional<Type> type) {
  Value out;
  bool each = true;
  std::size_t length = 1;
  for (const Value* value : values) {
    each = each && value->items && value->rank() <= 1;
    if (each && value->rank() == 1) length = std::max(length, value->items->size());
  }
  out.sizes = values_.broadcast_sizes(values);
  auto node = [&](const std::vector<NodeId>& arguments) {
    return type ? b().make({op, *type, arguments, 0}) : b().apply(op, arguments);
  };
  std::vector<NodeId> arguments;
  for (const Value* value : values) arguments.push_back(values_.broadcast(*value, out.sizes));
  out.element = node(arguments);
  out.type = b()[out.element].type;
  if (!each) return out;
  out.items.emplace();
  for (std::size_t i = 0; i < length; ++i) {
    arguments.clear();
    for (const Value* value : values) {
      const auto& items = *value->items;
      if (items.size() != 1 && items.size() != length)
        throw NotTileable("vectors of different length");
      arguments.push_back(items.size() == 1 ? items[0] : items[i]);
    }
    out.items->push_back(node(arguments));
  }
  return out;
}

Value Compiler::number(Type type, double value) {
  return values_.scalar(type, flex::is_float(type)
                                  ? b().real(type, value)
                                  : b().integer(static_cast<std::int64_t>(value), type));
}

const std::map<std::string_view, Op>& plain_operators() {
  static const std::map<std::string_view, Op> table = {{"Add", Op::add},
                                                       {"Sub", Op::subtract},
                                                       {"Mul", Op::multiply},
                                                       {"Div", Op::divide},
                                                       {"Pow", Op::power},
                                                       {"Neg", Op::negate},
                                                       {"Abs", Op::absolute},
                                                       {"Sqrt", Op::square_root},
                                                       {"Exp", Op::exponential},
                                                       {"Log", Op::logarithm},
                                                       {"Tanh", Op::hyperbolic_tangent},
                                                       {"Sigmoid", Op::sigmoid},
                                                       {"Erf", Op::error_function},
                                                       {"Sin", Op::sine},
                                                       {"Cos", Op::cosine},
                                                       {"Floor", Op::floor},
                                                       {"Ceil", Op::ceiling},
                                                       {"Round", Op::round},
                                                       {"Sign", Op::sign},
                                                       {"Not", Op::logical_not},
                                                       {"IsNaN", Op::is_nan},
                                                       {"Equal", Op::equal},
                                                       {"Less", Op::less},
                                                       {"LessOrEqual", Op::less_equal},
                                                       {"And", Op::logical_and},
                                                       {"Or", Op::logical_or},
                                                       {"Xor", Op::logical_xor},
                                                       {"Where", Op::select}};
  return table;
}

std::optional<Value> Compiler::elementwise(const Node& node) {
  const std::string& op = node.op_type();
  if (auto found = plain_operators().find(op); found != plain_operators().end()) {
    std::vector<const Value*> arguments;
    for (int i = 0; i < node.input_size(); ++i) arguments.push_back(&input(node, i));
    if (arguments.size() != flex::arity(found->second))
      throw NotTileable("a wrong number of inputs");
    for (const Value* value : arguments) {
      if (found->second != Op::select) no_narrow(*value);
    }
    if (op == "Pow" && arguments[0]->type != arguments[1]->type) {
      const Value exponent = map(Op::cast, {arguments[1]}, arguments[0]->type);
      return map(Op::power, *arguments[0], exponent);
    }
    return map(found->second, arguments);
  }
  if (op == "Greater" || op == "GreaterOrEqual")
    return map(op == "Greater" ? Op::less : Op::less_equal, input(node, 1), input(node, 0));
  if (op == "Min" || op == "Max") {
    Value out = input(node, 0);
    for (int i = 1; i < node.input_size(); ++i)
      out = map(op == "Min" ? Op::minimum : Op::maximum, out, input(node, i));
    return out;
  }
  if (op == "Sum") {
    Value out = input(node, 0);
    for (int i = 1; i < node.input_size(); ++i) out = map(Op::add, out, input(node, i));
    return out;
  }
  if (op == "Mod") {
    const Op kind = integer(node, "fmod", 0) != 0 ? Op::remainder : Op::modulo;
    return map(kind, input(node, 0), input(node, 1));
  }
  return std::nullopt;
}

// Operators with a short form in others.
std::optional<Value> Compiler::composed(const Node& node) {
  const std::string& op = node.op_type();
  if (op == "Identity") return input(node, 0);
  if (op == "Cast") return cast(input(node, 0), integer(node, "to", 0));
  if (op == "Clip") return clip(node);
  if (op == "QuantizeLinear") return quantize(node);
  if (op == "DequantizeLinear") return dequantize(node);
  if (op == "CastLike") return map(Op::cast, {&input(node, 0)}, input(node, 1).type);
  if (op == "Reciprocal") return map(Op::divide, number(input(node, 0).type, 1), input(node, 0));
  if (op == "Relu") return map(Op::maximum, input(node, 0), number(input(node, 0).type, 0));
  if (op == "LeakyRelu") {
    const Value& x = input(node, 0);
    const Value zero = number(x.type, 0);
    const Value below = map(Op::less, x, zero);
    const Value scaled =
        map(Op::multiply, x, number(x.type, static_cast<double>(real(node, "alpha", 0.01F))));
    return map(Op::select, {&below, &scaled, &x});
  }
  if (op == "Softplus") {
    const Value& x = input(node, 0);
    // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which does not overflow.
    const Value magnitude = map(Op::absolute, {&x});
    const Value negative = map(Op::negate, {&magnitude});
    const Value decay = map(Op::exponential, {&negative});
    const Value one_more = map(Op::add, decay, number(x.type, 1));
    const Value logarithm = map(Op::logarithm, {&one_more});
    return map(Op::add, map(Op::maximum, x, number(x.type, 0)), logarithm);
  }
  if (op == "IsInf") {
    const Value& x = input(node, 0);
    const Value zero = number(x.type, 0);
    Value out = map(Op::is_infinite, {&x});
    if (integer(node, "detect_positive", 1) == 0)
      out = map(Op::logical_and, out, map(Op::less, x, zero));
    if (integer(node, "detect_negative", 1) == 0)
      out = map(Op::logical_and, out, map(Op::less, zero, x));
    return out;
  }
  return std::nullopt;
}

std::optional<Value> Compiler::rearranged(const Node& node) {
  using Method = Value (Compiler::*)(const Node&);
  static const std::map<std::string_view, Method> table = {
      {"Constant", &Compiler::constant},
      {"Shape", &Compiler::shape},
      {"Gather", &Compiler::gather},
      {"GatherND", &Compiler::gather_nd},
      {"Range", &Compiler::range},
      {"Reshape", &Compiler::reshape},
      {"Expand", &Compiler::expand},
      {"Unsqueeze", &Compiler::unsqueeze},
      {"Squeeze", &Compiler::squeeze},
      {"Slice", &Compiler::slice},
      {"Concat", &Compiler::concat},
      {"Transpose", &Compiler::transpose},
      {"ConstantOfShape", &Compiler::constant_of_shape},
      {"Trilu", &Compiler::triangle}};
  if (node.op_type() == "Size") {
    const Value& x = input(node, 0);
    return values_.scalar(Type::i64, values_.product(x.sizes));
  }
  auto found = table.find(node.op_type());
  if (found == table.end()) return std::nullopt;
  return (this->*found->second)(node);
}

Value Compiler::cast(const Value& value, std::int64_t data_type) {
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

Value Compiler::clip(const Node& node) {
  Value out = input(node, 0);
  if (has_input(node, 1)) out = map(Op::maximum, out, input(node, 1));
  if (has_input(node, 2)) out = map(Op::minimum, out, input(node, 2));
  return out;
}

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

// Per tensor only: scale and zero point of one element.
Value Compiler::quantize(const Node& node) {
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

Value Compiler::dequantize(const Node& node) {
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

Value Compiler::constant(const Node& node) {
  if (const auto* value = attribute(node, "value")) return values_.tensor(value->t());
  if (const auto* value = attribute(node, "value_float"))
    return number(Type::f32, static_cast<double>(value->f()));
  if (const auto* value = attribute(node, "value_int"))
    return values_.scalar(Type::i64, b().integer(value->i()));
  std::vector<NodeId> items;
  if (const auto* value = attribute(node, "value_ints")) {
    for (std::int64_t item : value->ints()) items.push_back(b().integer(item));
    return values_.vector(Type::i64, std::move(items));
  }
  if (const auto* value = attribute(node, "value_floats")) {
    for (float item : value->floats())
      items.push_back(b().real(Type::f32, static_cast<double>(item)));
    return values_.vector(Type::f32, std::move(items));
  }
  throw NotTileable("a constant of an unusual kind");
}

Value Compiler::shape(const Node& node) {
  const Value& x = input(node, 0);
  const auto rank = static_cast<std::int64_t>(x.rank());
  auto bound = [&](std::string_view name, std::int64_t otherwise) {
    std::int64_t at = integer(node, name, otherwise);
    if (at < 0) at += rank;
    return std::clamp<std::int64_t>(at, 0, rank);
  };
  std::vector<NodeId> items;
  for (std::int64_t i = bound("start", 0); i < bound("end", rank); ++i)
    items.push_back(x.sizes[static_cast<std::size_t>(i)]);
  return values_.vector(Type::i64, std::move(items));
}

Value Compiler::gather(const Node& node) {
  const Value& data = input(node, 0);
  const Value& indices = input(node, 1);
  const std::size_t axis = positive(integer(node, "axis", 0), data.rank());
  // Out of a short vector by constants: picked now, as shape arithmetic wants it.
  const bool constant_indices =
      indices.items &&
      std::ranges::all_of(*indices.items, [&](NodeId id) { return b().is_constant(id); });
  if (data.items && data.rank() == 1 && indices.rank() <= 1 && constant_indices) {
    std::vector<NodeId> picked;
    for (NodeId id : *indices.items) {
      const std::size_t at = positive(b()[id].immediate, data.items->size());
      picked.push_back((*data.items)[at]);
    }
    if (indices.rank() == 0) return values_.scalar(data.type, picked[0]);
    return values_.vector(data.type, std::move(picked));
  }
  // result[.., i.., ..] = data[.., indices[i..], ..]
  Value out{data.type, {}, 0, std::nullopt, data.narrow};
  out.sizes.assign(data.sizes.begin(), data.sizes.begin() + static_cast<std::ptrdiff_t>(axis));
  out.sizes.insert(out.sizes.end(), indices.sizes.begin(), indices.sizes.end());
  out.sizes.insert(out.sizes.end(), data.sizes.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                   data.sizes.end());
  const std::size_t behind = data.rank() - 1 - axis;
  std::vector<NodeId> shifted;
  for (std::size_t j = 0; j < indices.rank(); ++j)
    shifted.push_back(b().index(static_cast<std::int64_t>(j + behind)));
  NodeId position = b().cast(values_.at(indices, shifted), Type::i64);
  // A negative index counts from the end; loads do that by themselves, expressions do not.
  const NodeId size = data.sizes[axis];
  if (!(b().is_constant(position) && b()[position].immediate >= 0)) {
    const NodeId below = b().apply(Op::less, {position, b().integer(0)});
    position = b().apply(Op::select, {below, b().apply(Op::add, {position, size}), position});
  }
  std::vector<NodeId> places(data.rank());
  for (std::size_t j = 0; j < data.rank(); ++j) {
    if (j < behind) places[j] = b().index(static_cast<std::int64_t>(j));
    if (j == behind) places[j] = position;
    if (j > behind) places[j] = b().index(static_cast<std::int64_t>(j - 1 + indices.rank()));
  }
  out.element = values_.at(data, places);
  if (out.rank() == 0) out.items = std::vector<NodeId>{out.element};
  return out;
}

Value Compiler::gather_nd(const Node& node) {
  const Value& data = input(node, 0);
  const Value& indices = input(node, 1);
  if (integer(node, "batch_dims", 0) != 0 || indices.rank() == 0)
    throw NotTileable("batch dimensions");
  const auto depth =
      static_cast<std::size_t>(values_.constant(indices.sizes.back(), "the depth of the indices"));
  if (depth == 0 || depth > data.rank()) throw NotTileable("a depth that does not fit");
  const std::size_t behind = data.rank() - depth;
  Value out{data.type, {}, 0, std::nullopt, data.narrow};
  out.sizes.assign(indices.sizes.begin(), indices.sizes.end() - 1);
  out.sizes.insert(out.sizes.end(), data.sizes.begin() + static_cast<std::ptrdiff_t>(depth),
                   data.sizes.end());
  std::vector<NodeId> places(data.rank());
  for (std::size_t j = 0; j < behind; ++j) places[j] = b().index(static_cast<std::int64_t>(j));
  for (std::size_t i = 0; i < depth; ++i) {
    std::vector<NodeId> shifted = {b().integer(static_cast<std::int64_t>(i))};
    for (std::size_t j = 0; j + 1 < indices.rank(); ++j)
      shifted.push_back(b().index(static_cast<std::int64_t>(j + behind)));
    const NodeId position = b().cast(values_.at(indices, shifted), Type::i64);
    const NodeId below = b().apply(Op::less, {position, b().integer(0)});
    places[data.rank() - 1 - i] =
        b().apply(Op::select, {below, b().apply(Op::add, {position, data.sizes[i]}), position});
  }
  out.element = values_.at(data, places);
  return out;
}

Value Compiler::range(const Node& node) {
  const NodeId start = input(node, 0).element;
  const NodeId limit = input(node, 1).element;
  const NodeId delta = input(node, 2).element;
  const Type type = input(node, 0).type;
  if (!flex::is_integer(type)) throw NotTileable("a range of floats");
  Value out{type, {}, 0, std::nullopt, 0};
  NodeId size = b().cast(b().apply(Op::subtract, {limit, start}), Type::i64);
  if (!b().is_integer(delta, 1)) {
    // Steps: ceil((limit - start) / delta), none when that is negative.
    const NodeId step = b().cast(delta, Type::i64);
    const NodeId rest = b().apply(Op::modulo, {size, step});
    const NodeId whole = b().apply(Op::divide, {b().apply(Op::subtract, {size, rest}), step});
    const NodeId more = b().apply(Op::equal, {rest, b().integer(0)});
    size =
        b().apply(Op::add, {whole, b().apply(Op::select, {more, b().integer(0), b().integer(1)})});
  }
  const Op kind = b()[size].op;
  const bool never_negative = kind == Op::size || kind == Op::table_size;
  if (!never_negative) size = b().apply(Op::maximum, {size, b().integer(0)});
  out.sizes = {size};
  const NodeId index = b().cast(b().index(0), type);
  out.element = b().apply(Op::add, {start, b().apply(Op::multiply, {index, delta})});
  return out;
}

Value Compiler::reshape(const Node& node) {
  const Value& x = input(node, 0);
  std::vector<NodeId> sizes = values_.items(input(node, 1), "the shape");
  const bool zero_copies = integer(node, "allowzero", 0) == 0;
  std::optional<std::size_t> open;
  std::vector<NodeId> others;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (b().is_integer(sizes[i], 0) && zero_copies) {
      if (i >= x.rank()) throw NotTileable("a shape that copies an axis which is not there");
      sizes[i] = x.sizes[i];
    }
    if (b().is_integer(sizes[i], -1)) {
      open = i;
    } else {
      others.push_back(sizes[i]);
    }
  }
  if (open) {
    // What is left over. Equal sizes cancel, so that [n] to [1, 1, -1, 1] is plain even when n is
    // not known.
    std::vector<NodeId> own = x.sizes;
    std::vector<NodeId> rest;
    for (NodeId size : others) {
      auto found = std::ranges::find(own, size);
      if (found != own.end()) {
        own.erase(found);
      } else if (!b().is_integer(size, 1)) {
        rest.push_back(size);
      }
    }
    sizes[*open] = values_.product(own);
    if (!rest.empty()) sizes[*open] = b().apply(Op::divide, {sizes[*open], values_.product(rest)});
  }
  return values_.reshape(x, std::move(sizes));
}

Value Compiler::expand(const Node& node) {
  const Value& x = input(node, 0);
  Value like{x.type, values_.items(input(node, 1), "the shape"), 0, std::nullopt, 0};
  Value out{x.type, values_.broadcast_sizes({&x, &like}), 0, std::nullopt, x.narrow};
  out.element = values_.broadcast(x, out.sizes);
  return out;
}

std::vector<std::int64_t> Compiler::axes(const Node& node, int index) {
  if (has_input(node, index)) return values_.constants(input(node, index), "the axes");
  std::vector<std::int64_t> out;
  if (const auto* found = attribute(node, "axes"))
    out.assign(found->ints().begin(), found->ints().end());
  return out;
}

Value Compiler::unsqueeze(const Node& node) {
  const Value& x = input(node, 0);
  const auto new_axes = axes(node, 1);
  std::vector<bool> added(x.rank() + new_axes.size(), false);
  for (std::int64_t axis : new_axes) added[positive(axis, added.size())] = true;
  std::vector<NodeId> sizes;
  std::size_t next = 0;
  for (bool is_new : added) sizes.push_back(is_new ? b().integer(1) : x.sizes.at(next++));
  return values_.reshape(x, std::move(sizes));
}

Value Compiler::squeeze(const Node& node) {
  const Value& x = input(node, 0);
  const auto old_axes = axes(node, 1);
  std::vector<bool> gone(x.rank(), false);
  for (std::int64_t axis : old_axes) gone[positive(axis, x.rank())] = true;
  std::vector<NodeId> sizes;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (old_axes.empty()) gone[i] = b().is_integer(x.sizes[i], 1);
    if (gone[i]) {
      b().check(b().apply(Op::equal, {x.sizes[i], b().integer(1)}));
    } else {
      sizes.push_back(x.sizes[i]);
    }
  }
  return values_.reshape(x, std::move(sizes));
}

Value Compiler::slice(const Node& node) {
  const Value& x = input(node, 0);
  const auto starts = values_.items(input(node, 1), "the starts");
  const auto ends = values_.items(input(node, 2), "the ends");
  std::vector<std::int64_t> which;
  if (has_input(node, 3)) {
    which = values_.constants(input(node, 3), "the axes");
  } else {
    for (std::size_t i = 0; i < starts.size(); ++i) which.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> steps(which.size(), 1);
  if (has_input(node, 4)) steps = values_.constants(input(node, 4), "the steps");
  Value out{x.type, x.sizes, 0, std::nullopt, x.narrow};
  std::vector<NodeId> places;
  for (std::size_t j = 0; j < x.rank(); ++j)
    places.push_back(b().index(static_cast<std::int64_t>(j)));
  std::optional<std::vector<NodeId>> items = x.rank() == 1 ? x.items : std::nullopt;
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (steps[i] != 1) throw NotTileable("a slice with steps");
    const std::size_t axis = positive(which[i], x.rank());
    const NodeId size = x.sizes[axis];
    auto bounded = [&](NodeId at) {
      const NodeId wide = b().cast(at, Type::i64);
      const NodeId below = b().apply(Op::less, {wide, b().integer(0)});
      const NodeId moved = b().apply(Op::select, {below, b().apply(Op::add, {wide, size}), wide});
      if (b().is_integer(moved, 0)) return moved;
      if (moved == size || b().is_integer(moved, std::numeric_limits<std::int64_t>::max()))
        return size;
      return b().apply(Op::minimum, {b().apply(Op::maximum, {moved, b().integer(0)}), size});
    };
    const NodeId from = bounded(starts[i]);
    const NodeId to = bounded(ends[i]);
    const NodeId length = b().apply(Op::subtract, {to, from});
    out.sizes[axis] = length == size ? size : b().apply(Op::maximum, {length, b().integer(0)});
    NodeId& place = places[x.rank() - 1 - axis];
    place = b().apply(Op::add, {place, from});
    if (items && b().is_constant(from) && b().is_constant(to)) {
      const auto first = static_cast<std::ptrdiff_t>(b()[from].immediate);
      const auto last = std::max(first, static_cast<std::ptrdiff_t>(b()[to].immediate));
      items = std::vector<NodeId>(items->begin() + first, items->begin() + last);
    } else {
      items.reset();
    }
  }
  if (items) return values_.vector(x.type, *items);
  out.element = values_.at(x, places);
  return out;
}

Value Compiler::concat(const Node& node) {
  std::vector<NodeId> items;
  Type type = Type::i64;
  for (int i = 0; i < node.input_size(); ++i) {
    const Value& part = input(node, i);
    const auto& more = values_.items(part, "a part");
    items.insert(items.end(), more.begin(), more.end());
    type = part.type;
  }
  if (items.size() > most_items) throw NotTileable("a long vector");
  return values_.vector(type, std::move(items));
}

Value Compiler::transpose(const Node& node) {
  const Value& x = input(node, 0);
  std::vector<std::int64_t> order;
  if (const auto* found = attribute(node, "perm")) {
    order.assign(found->ints().begin(), found->ints().end());
  } else {
    for (std::size_t i = x.rank(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  if (order.size() != x.rank()) throw NotTileable("a permutation that does not fit");
  Value out{x.type, {}, 0, std::nullopt, x.narrow};
  std::vector<NodeId> places(x.rank());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t axis = positive(order[i], x.rank());
    out.sizes.push_back(x.sizes[axis]);
    places[x.rank() - 1 - axis] = b().index(static_cast<std::int64_t>(order.size() - 1 - i));
  }
  out.element = values_.at(x, places);
  return out;
}

Value Compiler::constant_of_shape(const Node& node) {
  Value filled = number(Type::f32, 0);
  if (const auto* value = attribute(node, "value")) filled = values_.tensor(value->t());
  const auto sizes = values_.items(input(node, 0), "the shape");
  return {filled.type, sizes, filled.items->at(0), std::nullopt, filled.narrow};
}

Value Compiler::triangle(const Node& node) {
  const Value& x = input(node, 0);
  if (x.rank() < 2) throw NotTileable("rank below 2");
  NodeId offset = b().integer(0);
  if (has_input(node, 1))
    offset = input(node, 1).items ? input(node, 1).items->at(0) : input(node, 1).element;
  // Kept where column - row >= k (upper) or <= k (lower).
  const NodeId diagonal = b().apply(Op::subtract, {b().index(0), b().index(1)});
  const bool upper = integer(node, "upper", 1) != 0;
  const NodeId kept = upper ? b().apply(Op::less_equal, {offset, diagonal})
                            : b().apply(Op::less_equal, {diagonal, offset});
  Value out{x.type, x.sizes, 0, std::nullopt, 0};
  const NodeId zero = flex::is_float(x.type) ? b().real(x.type, 0) : b().integer(0, x.type);
  out.element = b().apply(Op::select, {kept, x.element, zero});
  return out;
}

Value Compiler::evaluate(const Node& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    throw NotTileable(fmt::format("an operator of domain {}", node.domain()));
  if (auto value = elementwise(node)) return *value;
  if (auto value = composed(node)) return *value;
  if (auto value = rearranged(node)) return *value;
  throw NotTileable("no form that works element by element is known");
}

void Compiler::compile_node(const Node& node) {
  if (node.output_size() != 1)
    throw NotTileable(fmt::format("{}: has {} outputs", node.op_type(), node.output_size()));
  try {
    known_[node.output(0)] = evaluate(node);
  } catch (const NotTileable& reason) {
    throw NotTileable(fmt::format("{} ({}): {}", node.op_type(), node.output(0), reason.what()));
  }
}

// The scores were a table until here, so that every way to move them about was an index; what is
// left must be the element itself.
flex::Program with_element(flex::Program program, Type precision) {
  for (flex::Node& node : program.nodes) {
    if (node.op == Op::table_size) node.immediate -= 16;
    if (node.op != Op::load) continue;
    if (node.immediate != score_table) {
      --node.immediate;
      continue;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const flex::Node& index = program.nodes[node.arguments[i]];
      if (index.op != Op::index || index.immediate != static_cast<std::int64_t>(3 - i))
        throw NotTileable("reads the score of another position");
    }
    node = {Op::element, precision, {}, 0};
  }
  program.tables.erase(program.tables.begin());
  for (const flex::Node& node : program.nodes) {
    if (node.op == Op::index && node.immediate > 3)
      throw NotTileable("an axis in front of the batch");
  }
  // Once more through a builder: the indices of the scores may have been their only use.
  flex::Builder again;
  for (flex::Table& table : program.tables) again.add_table(std::move(table));
  std::vector<NodeId> made;
  for (flex::Node node : program.nodes) {
    for (NodeId& argument : node.arguments) argument = made[argument];
    made.push_back(again.make(std::move(node)));
  }
  for (NodeId check : program.checks) again.check(made[check]);
  return again.finish(made[program.output]);
}

Modifier Compiler::compile(const onnx::GraphProto& graph) {
  if (graph.input_size() != 1 || graph.output_size() != 1)
    throw NotTileable(fmt::format("a modifier of {} inputs and {} outputs", graph.input_size(),
                                  graph.output_size()));
  if (graph.sparse_initializer_size() != 0) throw NotTileable("a sparse initializer");
  Value score{precision_, {}, 0, std::nullopt, 0};
  const std::size_t table = b().add_table({precision_, 4, true, {}, {}});
  std::vector<NodeId> indices;
  for (std::int64_t axis = 3; axis >= 0; --axis) {
    score.sizes.push_back(b().size(axis));
    indices.push_back(b().index(axis));
  }
  score.element = b().load(table, indices);
  known_[graph.input(0).name()] = score;
  for (const auto& tensor : graph.initializer()) known_[tensor.name()] = values_.tensor(tensor);
  for (const auto& node : graph.node()) compile_node(node);
  auto found = known_.find(graph.output(0).name());
  if (found == known_.end()) throw NotTileable("the output is computed by no node");
  const Value& out = found->second;
  if (out.type != precision_)
    throw NotTileable(fmt::format("gives {}, not {}", to_string(out.type), to_string(precision_)));
  if (out.rank() != 4) throw NotTileable(fmt::format("gives rank {}", out.rank()));
  const NodeId element = values_.broadcast(out, score.sizes);
  // Smaller results are no modifier's either: the function body would multiply other shapes.
  for (std::size_t i = 0; i < 4; ++i)
    b().check(b().apply(Op::equal, {out.sizes[i], score.sizes[i]}));
  return {with_element(b().finish(element), precision_), captured_};
}

}  // namespace

kernels::Result<Modifier> compile_modifier(const onnx::GraphProto& graph, Type precision,
                                           const OuterLookup& outer) {
  try {
    return Compiler(precision, outer).compile(graph);
  } catch (const NotTileable& reason) {
    return std::unexpected(std::string(reason.what()));
  } catch (const std::out_of_range&) {
    return std::unexpected(std::string("an axis that is not there"));
  }
}

}  // namespace onnxpack::transform
