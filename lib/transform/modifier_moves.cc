#include "modifier_compiler.h"

#include <algorithm>
#include <limits>

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

Value ModifierCompiler::gather(const Node& node) {
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

Value ModifierCompiler::gather_nd(const Node& node) {
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

Value ModifierCompiler::slice(const Node& node) {
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
  std::optional<std::vector<NodeId>> items;
  if (x.rank() == 1) items = x.items;
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

Value ModifierCompiler::transpose(const Node& node) {
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

Value ModifierCompiler::triangle(const Node& node) {
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

}  // namespace onnxpack::transform
