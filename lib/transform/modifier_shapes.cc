#include "modifier_compiler.h"

#include <algorithm>

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

Value ModifierCompiler::constant(const Node& node) {
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

Value ModifierCompiler::shape(const Node& node) {
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

Value ModifierCompiler::range(const Node& node) {
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

Value ModifierCompiler::reshape(const Node& node) {
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

Value ModifierCompiler::expand(const Node& node) {
  const Value& x = input(node, 0);
  Value like{x.type, values_.items(input(node, 1), "the shape"), 0, std::nullopt, 0};
  Value out{x.type, values_.broadcast_sizes({&x, &like}), 0, std::nullopt, x.narrow};
  out.element = values_.broadcast(x, out.sizes);
  return out;
}

std::vector<std::int64_t> ModifierCompiler::axes(const Node& node, int index) {
  if (has_input(node, index)) return values_.constants(input(node, index), "the axes");
  std::vector<std::int64_t> out;
  if (const auto* found = attribute(node, "axes"))
    out.assign(found->ints().begin(), found->ints().end());
  return out;
}

Value ModifierCompiler::unsqueeze(const Node& node) {
  const Value& x = input(node, 0);
  const auto new_axes = axes(node, 1);
  std::vector<bool> added(x.rank() + new_axes.size(), false);
  for (std::int64_t axis : new_axes) added[positive(axis, added.size())] = true;
  std::vector<NodeId> sizes;
  std::size_t next = 0;
  for (bool is_new : added) sizes.push_back(is_new ? b().integer(1) : x.sizes.at(next++));
  return values_.reshape(x, std::move(sizes));
}

Value ModifierCompiler::squeeze(const Node& node) {
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

Value ModifierCompiler::concat(const Node& node) {
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

Value ModifierCompiler::constant_of_shape(const Node& node) {
  Value filled = number(Type::f32, 0);
  if (const auto* value = attribute(node, "value")) filled = values_.tensor(value->t());
  const auto sizes = values_.items(input(node, 0), "the shape");
  return {filled.type, sizes, filled.items->at(0), std::nullopt, filled.narrow};
}

}  // namespace onnxpack::transform
