#include "flex_attention/binding.h"

#include <cstring>

#include <fmt/format.h>

#include "flex_attention/half.h"

namespace onnxpack::kernels::flex {
namespace {

template <typename T>
T read(const TableView& table, std::int64_t flat) {
  T out;
  std::memcpy(&out,
              static_cast<const char*>(table.data) + static_cast<std::size_t>(flat) * sizeof(T),
              sizeof out);
  return out;
}

Scalar size_value(const Binding& binding, const Node& node) {
  const auto immediate = static_cast<std::size_t>(node.immediate);
  if (node.op == Op::size) return {0, binding.sizes[immediate]};
  return {0, binding.tables[immediate / 16].sizes[immediate % 16]};
}

}  // namespace

Scalar read_element(const TableView& table, std::int64_t flat) {
  switch (table.element) {
    case Type::f32:
      return {static_cast<double>(read<float>(table, flat)), 0};
    case Type::f64:
      return {read<double>(table, flat), 0};
    case Type::f16:
      return {static_cast<double>(half_to_float(read<std::uint16_t>(table, flat))), 0};
    case Type::bf16:
      return {static_cast<double>(bfloat_to_float(read<std::uint16_t>(table, flat))), 0};
    case Type::i64:
      return {0, read<std::int64_t>(table, flat)};
    case Type::i32:
      return {0, read<std::int32_t>(table, flat)};
    case Type::boolean:
      return {0, read<std::uint8_t>(table, flat) != 0 ? 1 : 0};
  }
  return {};
}

NodeId table_constant(Builder& builder, const Table& table, std::size_t index) {
  const Scalar value = read_element({table.element, table.bytes.data(), table.sizes},
                                    static_cast<std::int64_t>(index));
  return is_float(table.element) ? builder.real(table.element, value.f)
                                 : builder.integer(value.i, table.element);
}

Scalar evaluate_sizes(const Binding& binding, NodeId wanted) {
  const Program& program = *binding.program;
  std::vector<Scalar> values(wanted + 1);
  std::vector<bool> needed(wanted + 1, false);
  needed[wanted] = true;
  for (NodeId id = wanted + 1; id-- > 0;) {
    if (!needed[id]) continue;
    for (NodeId argument : program.nodes[id].arguments) needed[argument] = true;
  }
  for (NodeId id = 0; id <= wanted; ++id) {
    const Node& node = program.nodes[id];
    if (!needed[id]) continue;
    if (node.op == Op::size || node.op == Op::table_size) {
      values[id] = size_value(binding, node);
    } else if (node.op == Op::constant) {
      values[id] = is_float(node.type) ? Scalar{real_of(node), 0} : Scalar{0, node.immediate};
    } else if (!node.arguments.empty()) {
      std::vector<Scalar> arguments;
      for (NodeId argument : node.arguments) arguments.push_back(values[argument]);
      const Type from = program.nodes[node.arguments[node.op == Op::select ? 1 : 0]].type;
      values[id] = evaluate(node.op, node.type, from, arguments);
    }
  }
  return values[wanted];
}

Result<Binding> bind(const Program& program, std::array<std::int64_t, 4> sizes,
                     std::span<const TableView> captured) {
  Binding out{&program, sizes, {}};
  std::size_t next = 0;
  for (const Table& table : program.tables) {
    if (!table.captured) {
      out.tables.push_back({table.element, table.bytes.data(), table.sizes});
      continue;
    }
    if (next >= captured.size()) return std::unexpected("a captured value is missing");
    const TableView& view = captured[next++];
    if (view.element != table.element || view.sizes.size() != table.rank) {
      return std::unexpected(fmt::format(
          "captured value {} is {} of rank {}, the modifier was compiled for {} of rank {}",
          next - 1, to_string(view.element), view.sizes.size(), to_string(table.element),
          table.rank));
    }
    out.tables.push_back(view);
  }
  for (NodeId check : program.checks) {
    if (evaluate_sizes(out, check).i == 0) {
      return std::unexpected(
          "the modifier's shapes do not broadcast to (B, Hq, L, S) with these inputs");
    }
  }
  return out;
}

}  // namespace onnxpack::kernels::flex
