#include "modifier_compiler.h"

#include <algorithm>

#include <fmt/format.h>

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

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

Value& ModifierCompiler::input(const Node& node, int index) {
  if (!has_input(node, index)) throw NotTileable(fmt::format("input {} is missing", index));
  const std::string& name = node.input(index);
  auto found = known_.find(name);
  if (found == known_.end()) found = known_.emplace(name, captured(name)).first;
  return found->second;
}

Value ModifierCompiler::captured(const std::string& name) {
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

Value ModifierCompiler::map(Op op, std::vector<const Value*> values, std::optional<Type> type) {
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

Value ModifierCompiler::number(Type type, double value) {
  return values_.scalar(type, flex::is_float(type)
                                  ? b().real(type, value)
                                  : b().integer(static_cast<std::int64_t>(value), type));
}

std::optional<Value> ModifierCompiler::rearranged(const Node& node) {
  using Method = Value (ModifierCompiler::*)(const Node&);
  static const std::map<std::string_view, Method> table = {
      {"Constant", &ModifierCompiler::constant},
      {"Shape", &ModifierCompiler::shape},
      {"Gather", &ModifierCompiler::gather},
      {"GatherND", &ModifierCompiler::gather_nd},
      {"Range", &ModifierCompiler::range},
      {"Reshape", &ModifierCompiler::reshape},
      {"Expand", &ModifierCompiler::expand},
      {"Unsqueeze", &ModifierCompiler::unsqueeze},
      {"Squeeze", &ModifierCompiler::squeeze},
      {"Slice", &ModifierCompiler::slice},
      {"Concat", &ModifierCompiler::concat},
      {"Transpose", &ModifierCompiler::transpose},
      {"ConstantOfShape", &ModifierCompiler::constant_of_shape},
      {"Trilu", &ModifierCompiler::triangle}};
  if (node.op_type() == "Size") {
    const Value& x = input(node, 0);
    return values_.scalar(Type::i64, values_.product(x.sizes));
  }
  auto found = table.find(node.op_type());
  if (found == table.end()) return std::nullopt;
  return (this->*found->second)(node);
}

Value ModifierCompiler::evaluate(const Node& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    throw NotTileable(fmt::format("an operator of domain {}", node.domain()));
  if (auto value = elementwise(node)) return *value;
  if (auto value = composed(node)) return *value;
  if (auto value = rearranged(node)) return *value;
  throw NotTileable("no form that works element by element is known");
}

void ModifierCompiler::compile_node(const Node& node) {
  if (node.output_size() != 1)
    throw NotTileable(fmt::format("{}: has {} outputs", node.op_type(), node.output_size()));
  try {
    known_[node.output(0)] = evaluate(node);
  } catch (const NotTileable& reason) {
    throw NotTileable(fmt::format("{} ({}): {}", node.op_type(), node.output(0), reason.what()));
  }
}

namespace {

constexpr std::size_t score_table = 0;

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

}  // namespace

Modifier ModifierCompiler::compile(const onnx::GraphProto& graph) {
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

}  // namespace onnxpack::transform
