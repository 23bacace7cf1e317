#include "modifier_values.h"

#include <algorithm>

#include <fmt/format.h>

#include "modifier.h"

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

namespace {

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The elements as raw little-endian bytes, whichever field holds them.
std::string raw_bytes(const onnx::TensorProto& tensor, Type type) {
  if (tensor.has_data_location() && tensor.data_location() == onnx::TensorProto::EXTERNAL)
    throw NotTileable("a constant with external data");
  if (tensor.has_raw_data()) return tensor.raw_data();
  std::string out;
  switch (type) {
    case Type::f32:
      for (float value : tensor.float_data()) append(out, value);
      break;
    case Type::f64:
      for (double value : tensor.double_data()) append(out, value);
      break;
    case Type::i64:
      for (std::int64_t value : tensor.int64_data()) append(out, value);
      break;
    case Type::i32:
      for (std::int32_t value : tensor.int32_data()) append(out, value);
      break;
    case Type::boolean:
      for (std::int32_t value : tensor.int32_data()) append(out, static_cast<std::uint8_t>(value));
      break;
    case Type::f16:
    case Type::bf16:
      for (std::int32_t value : tensor.int32_data()) append(out, static_cast<std::uint16_t>(value));
      break;
  }
  return out;
}

bool is_narrow(std::int32_t type) {
  return type == onnx::TensorProto::INT8 || type == onnx::TensorProto::UINT8 ||
         type == onnx::TensorProto::INT16 || type == onnx::TensorProto::UINT16;
}

// Zero points come in 8 and 16 bits; as i32 from here on.
std::string widened(const onnx::TensorProto& tensor) {
  std::string out;
  if (!tensor.has_raw_data()) return raw_bytes(tensor, Type::i32);
  const bool bytes = tensor.data_type() == onnx::TensorProto::INT8 ||
                     tensor.data_type() == onnx::TensorProto::UINT8;
  const bool is_signed = tensor.data_type() == onnx::TensorProto::INT8 ||
                         tensor.data_type() == onnx::TensorProto::INT16;
  const std::string& raw = tensor.raw_data();
  for (std::size_t i = 0; i < raw.size(); i += bytes ? 1 : 2) {
    const auto low = static_cast<std::uint8_t>(raw[i]);
    std::uint32_t value = low;
    if (!bytes && i + 1 < raw.size())
      value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(raw[i + 1])) << 8U;
    auto number = static_cast<std::int32_t>(value);
    if (is_signed)
      number = bytes ? static_cast<std::int8_t>(value) : static_cast<std::int16_t>(value);
    append(out, number);
  }
  return out;
}

}  // namespace

std::optional<Type> tile_type(std::int32_t data_type) {
  switch (data_type) {
    case onnx::TensorProto::FLOAT:
      return Type::f32;
    case onnx::TensorProto::DOUBLE:
      return Type::f64;
    case onnx::TensorProto::FLOAT16:
      return Type::f16;
    case onnx::TensorProto::BFLOAT16:
      return Type::bf16;
    case onnx::TensorProto::INT64:
      return Type::i64;
    case onnx::TensorProto::INT32:
      return Type::i32;
    case onnx::TensorProto::BOOL:
      return Type::boolean;
    default:
      return std::nullopt;
  }
}

Value Values::scalar(Type type, NodeId item) {
  return {type, {}, item, std::vector<NodeId>{item}, 0};
}

Value Values::vector(Type type, std::vector<NodeId> items) {
  Value out{type, {builder_.integer(static_cast<std::int64_t>(items.size()))}, 0, std::nullopt, 0};
  // A chain of choices, so that the vector can also be indexed by the tile; most never are.
  const NodeId index = builder_.index(0);
  out.element = items.empty()
                    ? (flex::is_float(type) ? builder_.real(type, 0) : builder_.integer(0, type))
                    : items.back();
  for (std::size_t i = items.size(); i-- > 0;) {
    const NodeId here =
        builder_.apply(Op::equal, {index, builder_.integer(static_cast<std::int64_t>(i))});
    if (items.size() > 1) out.element = builder_.apply(Op::select, {here, items[i], out.element});
  }
  out.items = std::move(items);
  return out;
}

Value Values::table(std::size_t number, Type type, std::size_t rank) {
  Value out{type, {}, 0, std::nullopt, 0};
  std::vector<NodeId> indices;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    out.sizes.push_back(builder_.table_size(number, axis));
    const bool one = builder_.is_integer(out.sizes.back(), 1);
    indices.push_back(one ? builder_.integer(0)
                          : builder_.index(static_cast<std::int64_t>(rank - 1 - axis)));
  }
  out.element = builder_.load(number, std::move(indices));
  return out;
}

Value Values::tensor(const onnx::TensorProto& tensor) {
  const bool narrow = is_narrow(tensor.data_type());
  const auto type = narrow ? std::optional(Type::i32) : tile_type(tensor.data_type());
  if (!type) throw NotTileable(fmt::format("a constant of data type {}", tensor.data_type()));
  flex::Table made{*type, static_cast<std::uint8_t>(tensor.dims_size()), false, {}, {}};
  made.bytes = narrow ? widened(tensor) : raw_bytes(tensor, *type);
  std::size_t elements = 1;
  for (std::int64_t size : tensor.dims()) {
    made.sizes.push_back(size);
    elements *= static_cast<std::size_t>(size);
  }
  if (made.bytes.size() != elements * size_of(*type) || tensor.dims_size() > 8)
    throw NotTileable("a constant whose bytes do not fit its shape");
  std::vector<NodeId> items;
  if (elements <= most_items) {
    for (std::size_t i = 0; i < elements; ++i)
      items.push_back(flex::table_constant(builder_, made, i));
  }
  Value out;
  if (elements == 1) {
    out = scalar(*type, items[0]);
    out.sizes.assign(static_cast<std::size_t>(tensor.dims_size()), builder_.integer(1));
  } else if (tensor.dims_size() == 1 && elements <= 4) {
    out = vector(*type, items);
  } else {
    const std::size_t number = builder_.add_table(std::move(made));
    out = table(number, *type, static_cast<std::size_t>(tensor.dims_size()));
    if (tensor.dims_size() == 1 && elements <= most_items) out.items = items;
  }
  if (narrow) out.narrow = tensor.data_type();
  return out;
}

const std::vector<NodeId>& Values::items(const Value& value, const char* what) const {
  if (!value.items || value.rank() > 1)
    throw NotTileable(fmt::format("{} is no short vector", what));
  return *value.items;
}

std::int64_t Values::constant(NodeId id, const char* what) const {
  if (!builder_.is_constant(id)) throw NotTileable(fmt::format("{} is not constant", what));
  return builder_[id].immediate;
}

std::vector<std::int64_t> Values::constants(const Value& value, const char* what) const {
  std::vector<std::int64_t> out;
  for (NodeId id : items(value, what)) out.push_back(constant(id, what));
  return out;
}

// The size of a broadcast axis. A size of the tile wins, since a result larger than the tile is no
// modifier's; others are compared when the kernel is bound.
NodeId Values::wider(NodeId a, NodeId b) {
  if (a == b || builder_.is_integer(b, 1)) return a;
  if (builder_.is_integer(a, 1)) return b;
  if (builder_[a].op == Op::size) return a;
  if (builder_[b].op == Op::size) return b;
  if (builder_.is_constant(a)) return a;
  if (builder_.is_constant(b)) return b;
  return builder_.apply(Op::maximum, {a, b});
}

std::vector<NodeId> Values::broadcast_sizes(const std::vector<const Value*>& values) {
  std::size_t rank = 0;
  for (const Value* value : values) rank = std::max(rank, value->rank());
  std::vector<NodeId> out(rank, builder_.integer(1));
  for (const Value* value : values) {
    for (std::size_t j = 0; j < value->rank(); ++j) {
      NodeId& size = out[rank - 1 - j];
      size = wider(size, value->size_from_right(j));
    }
  }
  return out;
}

NodeId Values::broadcast(const Value& value, const std::vector<NodeId>& sizes) {
  std::map<std::int64_t, NodeId> replacement;
  for (std::size_t j = 0; j < value.rank(); ++j) {
    const NodeId own = value.size_from_right(j);
    const NodeId wanted = j < sizes.size() ? sizes[sizes.size() - 1 - j] : builder_.integer(1);
    if (own == wanted || builder_.is_integer(own, 1)) continue;
    const NodeId one = builder_.apply(Op::equal, {own, builder_.integer(1)});
    builder_.check(builder_.apply(Op::logical_or, {one, builder_.apply(Op::equal, {own, wanted})}));
    if (builder_.is_integer(one, 0)) continue;
    const NodeId index = builder_.index(static_cast<std::int64_t>(j));
    replacement[static_cast<std::int64_t>(j)] =
        builder_.apply(Op::select, {one, builder_.integer(0), index});
  }
  return replacement.empty() ? value.element : builder_.substitute(value.element, replacement);
}

NodeId Values::at(const Value& value, const std::vector<NodeId>& indices) {
  std::map<std::int64_t, NodeId> replacement;
  for (std::size_t j = 0; j < indices.size(); ++j)
    replacement[static_cast<std::int64_t>(j)] = indices[j];
  return builder_.substitute(value.element, replacement);
}

NodeId Values::product(const std::vector<NodeId>& sizes) {
  NodeId out = builder_.integer(1);
  for (NodeId size : sizes) out = builder_.apply(Op::multiply, {out, size});
  return out;
}

// Axes kept in order, units between them come or go: the k-th kept axis of the value is at kept[k]
// (from the left), in the result at places[k].
Value Values::reindexed(const Value& value, std::vector<NodeId> sizes,
                        const std::vector<std::size_t>& kept,
                        const std::vector<std::size_t>& places) {
  std::vector<NodeId> indices(value.rank(), builder_.integer(0));
  for (std::size_t k = 0; k < kept.size(); ++k) {
    const std::size_t from_right = value.rank() - 1 - kept[k];
    indices[from_right] = builder_.index(static_cast<std::int64_t>(sizes.size() - 1 - places[k]));
  }
  Value out{value.type, std::move(sizes), at(value, indices), std::nullopt, value.narrow};
  if (value.items && out.rank() <= 1) out.items = value.items;
  if (value.items && value.items->size() == 1) out.items = value.items;
  return out;
}

Value Values::reshape(const Value& value, std::vector<NodeId> sizes) {
  auto not_one = [this](const std::vector<NodeId>& all) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!builder_.is_integer(all[i], 1)) out.push_back(i);
    }
    return out;
  };
  const auto from = not_one(value.sizes);
  const auto to = not_one(sizes);
  bool same = from.size() == to.size();
  for (std::size_t i = 0; same && i < from.size(); ++i) same = value.sizes[from[i]] == sizes[to[i]];
  // One axis on either side has the elements of the whole, whatever its size is called.
  if (!same && from.size() == 1 && to.size() == 1) {
    builder_.check(builder_.apply(Op::equal, {value.sizes[from[0]], sizes[to[0]]}));
    same = true;
  }
  if (same) return reindexed(value, std::move(sizes), from, to);
  // Otherwise by the flat position.
  builder_.check(builder_.apply(Op::equal, {product(value.sizes), product(sizes)}));
  NodeId flat = builder_.integer(0);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    flat = builder_.apply(Op::multiply, {flat, sizes[i]});
    if (builder_.is_integer(sizes[i], 1)) continue;
    flat = builder_.apply(Op::add,
                          {flat, builder_.index(static_cast<std::int64_t>(sizes.size() - 1 - i))});
  }
  std::vector<NodeId> indices;
  for (std::size_t j = 0; j < value.rank(); ++j) {
    const NodeId size = value.size_from_right(j);
    const bool outermost = j + 1 == value.rank();
    indices.push_back(outermost ? flat : builder_.apply(Op::remainder, {flat, size}));
    flat = builder_.apply(Op::divide, {flat, size});
  }
  return {value.type, std::move(sizes), at(value, indices), std::nullopt, value.narrow};
}

}  // namespace onnxpack::transform
