// Layout: see flex_program.h. The reader trusts nothing: types, counts and the order of nodes are
// checked here, once, and what runs programs leans on it.
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "onnxpack/kernels/flex_program.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr std::string_view magic = "OPTP";
constexpr std::uint8_t version = 1;
constexpr std::size_t most_nodes = 1U << 16U;
constexpr std::size_t most_rank = 8;

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little, "integers are stored as they are");
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  std::optional<T> take() {
    if (bytes_.size() < sizeof(T)) return std::nullopt;
    T out;
    std::memcpy(&out, bytes_.data(), sizeof out);
    bytes_.remove_prefix(sizeof out);
    return out;
  }
  std::optional<std::string_view> take(std::size_t size) {
    if (bytes_.size() < size) return std::nullopt;
    std::string_view out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return out;
  }
  bool empty() const { return bytes_.empty(); }
  std::size_t left() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

std::unexpected<std::string> damaged(std::string_view what) {
  return std::unexpected(fmt::format("tile program: {}", what));
}

Result<Table> read_table(Reader& in) {
  const auto element = in.take<std::uint8_t>();
  const auto rank = in.take<std::uint8_t>();
  const auto captured = in.take<std::uint8_t>();
  if (!captured) return damaged("ends within a table");
  if (*element > static_cast<std::uint8_t>(Type::boolean) || *rank > most_rank || *captured > 1)
    return damaged("a table of no known type");
  Table out{static_cast<Type>(*element), *rank, *captured == 1, {}, {}};
  if (out.captured) return out;
  std::size_t elements = 1;
  for (std::size_t i = 0; i < out.rank; ++i) {
    const auto size = in.take<std::uint64_t>();
    if (!size) return damaged("ends within a table");
    // Never more than the bytes that are left, so the product stays small.
    if (*size > in.left() || elements * *size > in.left())
      return damaged("a table larger than the program");
    elements *= *size;
    out.sizes.push_back(static_cast<std::int64_t>(*size));
  }
  const auto bytes = in.take(elements * size_of(out.element));
  if (!bytes) return damaged("ends within a table");
  out.bytes = *bytes;
  return out;
}

Result<Node> read_node(Reader& in) {
  const auto op = in.take<std::uint8_t>();
  const auto type = in.take<std::uint8_t>();
  const auto count = in.take<std::uint8_t>();
  if (!count) return damaged("ends within a node");
  if (*op >= op_count || *type > static_cast<std::uint8_t>(Type::boolean))
    return damaged("an unknown operation");
  Node out{static_cast<Op>(*op), static_cast<Type>(*type), {}, 0};
  for (std::size_t i = 0; i < *count; ++i) {
    const auto argument = in.take<std::uint32_t>();
    if (!argument) return damaged("ends within a node");
    out.arguments.push_back(*argument);
  }
  const auto immediate = in.take<std::int64_t>();
  if (!immediate) return damaged("ends within a node");
  out.immediate = *immediate;
  return out;
}

bool types_fit(const Program& program, const Node& node) {
  auto type = [&](std::size_t i) { return program.nodes[node.arguments[i]].type; };
  switch (node.op) {
    case Op::element:
      return is_float(node.type);
    case Op::index:
    case Op::size:
      return node.type == Type::i64 && node.immediate >= 0 && node.immediate < 4;
    case Op::table_size: {
      const auto table = static_cast<std::uint64_t>(node.immediate) / 16;
      return node.type == Type::i64 && node.immediate >= 0 && table < program.tables.size() &&
             node.immediate % 16 < program.tables[table].rank;
    }
    case Op::constant:
      return node.type != Type::boolean || node.immediate == 0 || node.immediate == 1;
    case Op::load:
      for (std::size_t i = 0; i < node.arguments.size(); ++i) {
        if (type(i) != Type::i64) return false;
      }
      return node.immediate >= 0 &&
             static_cast<std::size_t>(node.immediate) < program.tables.size() &&
             node.type == program.tables[static_cast<std::size_t>(node.immediate)].element &&
             node.arguments.size() == program.tables[static_cast<std::size_t>(node.immediate)].rank;
    case Op::cast:
      return true;
    case Op::logical_not:
      return type(0) == Type::boolean && node.type == Type::boolean;
    case Op::is_nan:
    case Op::is_infinite:
      return is_float(type(0)) && node.type == Type::boolean;
    case Op::equal:
    case Op::less:
    case Op::less_equal:
      return type(0) == type(1) && node.type == Type::boolean;
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_xor:
      return type(0) == Type::boolean && type(1) == Type::boolean && node.type == Type::boolean;
    case Op::select:
      return type(0) == Type::boolean && type(1) == node.type && type(2) == node.type;
    case Op::square_root:
    case Op::exponential:
    case Op::logarithm:
    case Op::hyperbolic_tangent:
    case Op::sigmoid:
    case Op::error_function:
    case Op::sine:
    case Op::cosine:
      return is_float(node.type) && type(0) == node.type;
    default:
      return node.type != Type::boolean && type(0) == node.type &&
             (node.arguments.size() < 2 || type(1) == node.type);
  }
}

Status check_node(const Program& program, const Node& node) {
  for (NodeId argument : node.arguments) {
    if (argument >= program.nodes.size()) return damaged("a node that uses a later one");
  }
  if (node.op != Op::load && node.arguments.size() != arity(node.op))
    return damaged(fmt::format("{} with {} arguments", to_string(node.op), node.arguments.size()));
  if (!types_fit(program, node))
    return damaged(fmt::format("{} of types that it does not take", to_string(node.op)));
  return {};
}

// Checks are made before there is an element or an index.
Status check_checks(const Program& program) {
  std::vector<bool> varies;
  for (const Node& node : program.nodes) {
    bool here = node.op == Op::element || node.op == Op::index || node.op == Op::load;
    for (NodeId argument : node.arguments) here = here || varies[argument];
    varies.push_back(here);
  }
  for (NodeId id : program.checks) {
    if (id >= program.nodes.size() || program.nodes[id].type != Type::boolean || varies[id])
      return damaged("a check that is none");
  }
  return {};
}

}  // namespace

std::string serialize(const Program& program) {
  std::string out(magic);
  put(out, version);
  put(out, static_cast<std::uint32_t>(program.tables.size()));
  for (const Table& table : program.tables) {
    put(out, static_cast<std::uint8_t>(table.element));
    put(out, table.rank);
    put(out, static_cast<std::uint8_t>(table.captured ? 1 : 0));
    if (table.captured) continue;
    for (std::int64_t size : table.sizes) put(out, static_cast<std::uint64_t>(size));
    out += table.bytes;
  }
  put(out, static_cast<std::uint32_t>(program.nodes.size()));
  for (const Node& node : program.nodes) {
    put(out, static_cast<std::uint8_t>(node.op));
    put(out, static_cast<std::uint8_t>(node.type));
    put(out, static_cast<std::uint8_t>(node.arguments.size()));
    for (NodeId argument : node.arguments) put(out, argument);
    put(out, node.immediate);
  }
  put(out, static_cast<std::uint32_t>(program.checks.size()));
  for (NodeId id : program.checks) put(out, id);
  put(out, program.output);
  return out;
}

Result<Program> parse(std::string_view bytes) {
  Reader in(bytes);
  const auto start = in.take(magic.size());
  const auto found = in.take<std::uint8_t>();
  if (!start || !found || *start != magic) return damaged("does not begin with OPTP");
  if (*found != version)
    return damaged(fmt::format("version {}, this library reads {}", *found, version));
  Program out;
  const auto tables = in.take<std::uint32_t>();
  for (std::uint32_t i = 0; tables && i < *tables; ++i) {
    auto table = read_table(in);
    if (!table) return std::unexpected(table.error());
    out.tables.push_back(std::move(*table));
  }
  const auto nodes = in.take<std::uint32_t>();
  if (!nodes || *nodes > most_nodes) return damaged("no or too many nodes");
  for (std::uint32_t i = 0; i < *nodes; ++i) {
    auto node = read_node(in);
    if (!node) return std::unexpected(node.error());
    if (auto ok = check_node(out, *node); !ok) return std::unexpected(ok.error());
    out.nodes.push_back(std::move(*node));
  }
  const auto checks = in.take<std::uint32_t>();
  if (!checks || *checks > most_nodes) return damaged("no or too many checks");
  for (std::uint32_t i = 0; i < *checks; ++i)
    out.checks.push_back(in.take<std::uint32_t>().value_or(most_nodes));
  const auto output = in.take<std::uint32_t>();
  if (!output || *output >= out.nodes.size() || !in.empty())
    return damaged("no output, or bytes behind it");
  if (!is_float(out.nodes[*output].type)) return damaged("an output that is no float");
  out.output = *output;
  if (auto ok = check_checks(out); !ok) return std::unexpected(ok.error());
  return out;
}

namespace {

std::string operand(const Program& program, NodeId id) {
  const Node& node = program.nodes[id];
  constexpr std::array<std::string_view, 4> indices = {"k", "q", "h", "b"};
  constexpr std::array<std::string_view, 4> sizes = {"S", "L", "Hq", "B"};
  switch (node.op) {
    case Op::element:
      return "element";
    case Op::index:
      return std::string(indices[static_cast<std::size_t>(node.immediate)]);
    case Op::size:
      return std::string(sizes[static_cast<std::size_t>(node.immediate)]);
    case Op::table_size:
      return fmt::format("size(table{}, {})", node.immediate / 16, node.immediate % 16);
    case Op::constant:
      if (is_float(node.type)) return fmt::format("{}", static_cast<float>(real_of(node)));
      if (node.type == Type::boolean) return node.immediate != 0 ? "true" : "false";
      return fmt::format("{}", node.immediate);
    default:
      return fmt::format("%{}", id);
  }
}

}  // namespace

std::string to_text(const Program& program) {
  std::string out;
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    const Node& node = program.nodes[id];
    if (node.op < Op::load) continue;
    out += fmt::format("%{} = {}", id, to_string(node.op));
    if (node.op == Op::load) out += fmt::format(" table{}", node.immediate);
    if (node.op == Op::cast) out += fmt::format(" {}", to_string(node.type));
    std::string separator = node.op == Op::load ? "[" : " ";
    for (NodeId argument : node.arguments) {
      out += separator + operand(program, argument);
      separator = ", ";
    }
    out += node.op == Op::load ? "]\n" : "\n";
  }
  return out + fmt::format("result {}\n", operand(program, program.output));
}

}  // namespace onnxpack::kernels::flex
