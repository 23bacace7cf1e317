#include <algorithm>

#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::kernels::flex {
namespace {

Type result_type(Op op, const Node& first, const Node* second) {
  switch (op) {
    case Op::logical_not:
    case Op::is_nan:
    case Op::is_infinite:
    case Op::equal:
    case Op::less:
    case Op::less_equal:
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_xor:
      return Type::boolean;
    case Op::select:
      return second->type;
    default:
      return first.type;
  }
}

bool commutes(Op op) {
  return op == Op::add || op == Op::multiply || op == Op::equal || op == Op::logical_and ||
         op == Op::logical_or || op == Op::logical_xor;
}

}  // namespace

NodeId Builder::intern(Node node) {
  auto [found, added] = known_.try_emplace(node, static_cast<NodeId>(nodes_.size()));
  if (added) nodes_.push_back(std::move(node));
  return found->second;
}

NodeId Builder::element(Type type) {
  return intern({Op::element, type, {}, 0});
}
NodeId Builder::index(std::int64_t axis) {
  return intern({Op::index, Type::i64, {}, axis});
}
NodeId Builder::size(std::int64_t axis) {
  return intern({Op::size, Type::i64, {}, axis});
}
NodeId Builder::table_size(std::size_t table, std::size_t axis) {
  if (!tables_[table].captured) return integer(tables_[table].sizes[axis]);
  return intern({Op::table_size, Type::i64, {}, static_cast<std::int64_t>(table * 16 + axis)});
}
NodeId Builder::real(Type type, double value) {
  const Scalar rounded = round_to(type, {value, 0});
  return intern({Op::constant, type, {}, to_immediate(rounded.f)});
}
NodeId Builder::integer(std::int64_t value, Type type) {
  return intern({Op::constant, type, {}, round_to(type, {0, value}).i});
}
NodeId Builder::load(std::size_t table, std::vector<NodeId> indices) {
  return intern(
      {Op::load, tables_[table].element, std::move(indices), static_cast<std::int64_t>(table)});
}
NodeId Builder::cast(NodeId value, Type type) {
  return make({Op::cast, type, {value}, 0});
}

NodeId Builder::apply(Op op, std::vector<NodeId> arguments) {
  const Node& first = nodes_[arguments[0]];
  const Node* second = arguments.size() > 1 ? &nodes_[arguments[1]] : nullptr;
  const Type type = result_type(op, first, second);
  return make({op, type, std::move(arguments), 0});
}

NodeId Builder::make(Node node) {
  if (arity(node.op) == 0) return intern(std::move(node));
  if (commutes(node.op) && node.arguments[0] > node.arguments[1])
    std::swap(node.arguments[0], node.arguments[1]);
  if (std::ranges::all_of(node.arguments, [&](NodeId id) { return is_constant(id); })) {
    std::vector<Scalar> values;
    for (NodeId id : node.arguments) {
      const Node& argument = nodes_[id];
      values.push_back(is_float(argument.type) ? Scalar{real_of(argument), 0}
                                               : Scalar{0, argument.immediate});
    }
    const Type from = nodes_[node.arguments[node.op == Op::select ? 1 : 0]].type;
    const Scalar value = evaluate(node.op, node.type, from, values);
    return is_float(node.type) ? real(node.type, value.f) : integer(value.i, node.type);
  }
  return simplify(node);
}

// Only what holds for every value, NaN and signed zero included.
NodeId Builder::simplify(const Node& node) {
  const NodeId a = node.arguments[0];
  const NodeId b = node.arguments.size() > 1 ? node.arguments[1] : a;
  const bool whole = flex::is_integer(node.type);
  switch (node.op) {
    case Op::cast:
      if (nodes_[a].type == node.type) return a;
      break;
    case Op::add:
      if (whole && is_integer(a, 0)) return b;
      if (whole && is_integer(b, 0)) return a;
      break;
    case Op::subtract:
      if (whole && is_integer(b, 0)) return a;
      if (whole && a == b) return integer(0, node.type);
      break;
    case Op::multiply:
      if (whole && is_integer(a, 1)) return b;
      if (whole && is_integer(b, 1)) return a;
      if (whole && (is_integer(a, 0) || is_integer(b, 0))) return integer(0, node.type);
      break;
    case Op::divide:
      if (whole && is_integer(b, 1)) return a;
      break;
    case Op::modulo:
    case Op::remainder:
      if (whole && is_integer(b, 1)) return integer(0, node.type);
      break;
    case Op::minimum:
    case Op::maximum:
      if (a == b) return a;
      break;
    case Op::equal:
      if (a == b && !is_float(nodes_[a].type)) return boolean(true);
      break;
    case Op::less:
      if (a == b) return boolean(false);
      break;
    case Op::less_equal:
      if (a == b && !is_float(nodes_[a].type)) return boolean(true);
      break;
    case Op::logical_and:
      if (is_integer(a, 0) || is_integer(b, 0)) return boolean(false);
      if (is_integer(a, 1)) return b;
      if (is_integer(b, 1) || a == b) return a;
      break;
    case Op::logical_or:
      if (is_integer(a, 1) || is_integer(b, 1)) return boolean(true);
      if (is_integer(a, 0)) return b;
      if (is_integer(b, 0) || a == b) return a;
      break;
    case Op::select:
      if (is_integer(a, 1) || b == node.arguments[2]) return b;
      if (is_integer(a, 0)) return node.arguments[2];
      break;
    default:
      break;
  }
  return intern(node);
}

std::size_t Builder::add_table(Table table) {
  tables_.push_back(std::move(table));
  return tables_.size() - 1;
}

void Builder::check(NodeId condition) {
  if (!is_integer(condition, 1)) checks_.push_back(condition);
}

NodeId Builder::substitute(NodeId root, const std::map<std::int64_t, NodeId>& replacement) {
  std::map<NodeId, NodeId> done;
  // Arguments have lower numbers, so one pass upwards over what root needs is enough; no recursion,
  // whatever the depth.
  std::vector<bool> needed(root + 1, false);
  needed[root] = true;
  for (NodeId id = root + 1; id-- > 0;) {
    if (!needed[id]) continue;
    for (NodeId argument : nodes_[id].arguments) needed[argument] = true;
  }
  for (NodeId id = 0; id <= root; ++id) {
    if (!needed[id]) continue;
    Node node = nodes_[id];
    if (node.op == Op::index) {
      auto found = replacement.find(node.immediate);
      done[id] = found == replacement.end() ? id : found->second;
      continue;
    }
    for (NodeId& argument : node.arguments) argument = done[argument];
    done[id] = node == nodes_[id] ? id : make(std::move(node));
  }
  return done[root];
}

Program Builder::finish(NodeId output) const {
  std::vector<bool> needed(nodes_.size(), false);
  needed[output] = true;
  for (NodeId id : checks_) needed[id] = true;
  for (auto id = static_cast<NodeId>(nodes_.size()); id-- > 0;) {
    if (!needed[id]) continue;
    for (NodeId argument : nodes_[id].arguments) needed[argument] = true;
  }
  Program out;
  out.tables = tables_;
  std::vector<NodeId> renumbered(nodes_.size(), 0);
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    if (!needed[id]) continue;
    Node node = nodes_[id];
    for (NodeId& argument : node.arguments) argument = renumbered[argument];
    renumbered[id] = static_cast<NodeId>(out.nodes.size());
    out.nodes.push_back(std::move(node));
  }
  for (NodeId id : checks_) {
    if (std::ranges::find(out.checks, renumbered[id]) == out.checks.end())
      out.checks.push_back(renumbered[id]);
  }
  out.output = renumbered[output];
  return out;
}

}  // namespace onnxpack::kernels::flex
