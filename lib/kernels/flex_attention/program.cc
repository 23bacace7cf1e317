#include "onnxpack/kernels/flex_program.h"

#include <algorithm>
#include <array>
#include <bit>

namespace onnxpack::kernels::flex {
namespace {

constexpr std::array<std::string_view, 7> type_names = {"f32", "f64", "f16", "bf16",
                                                        "i64", "i32", "bool"};
constexpr std::array<std::size_t, 7> type_sizes = {4, 8, 2, 2, 8, 4, 1};

constexpr std::array<std::string_view, op_count> op_names = {
    "element", "index", "size", "table_size", "constant", "load",    "cast",   "neg",
    "abs",     "sqrt",  "exp",  "log",        "tanh",     "sigmoid", "erf",    "sin",
    "cos",     "floor", "ceil", "round",      "sign",     "not",     "is_nan", "is_inf",
    "add",     "sub",   "mul",  "div",        "mod",      "rem",     "pow",    "min",
    "max",     "eq",    "lt",   "le",         "and",      "or",      "xor",    "select"};

}  // namespace

std::string_view to_string(Type type) {
  return type_names[static_cast<std::size_t>(type)];
}
std::size_t size_of(Type type) {
  return type_sizes[static_cast<std::size_t>(type)];
}
std::string_view to_string(Op op) {
  return op_names[static_cast<std::size_t>(op)];
}

std::size_t arity(Op op) {
  if (op < Op::cast) return 0;
  if (op < Op::add) return 1;
  return op == Op::select ? 3 : 2;
}

std::int64_t to_immediate(double value) {
  return std::bit_cast<std::int64_t>(value);
}
double real_of(const Node& constant) {
  return std::bit_cast<double>(constant.immediate);
}

std::size_t Program::captured_count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(tables, [](const Table& table) { return table.captured; }));
}

namespace {

enum class Degree : std::uint8_t { zero, free, one, other };

// Degrees of positive homogeneity: `zero` is the number 0, `free` has no part of the element, `one`
// scales with it.
Degree combine(const Node& node, std::span<const Degree> arguments) {
  const bool any_other =
      std::ranges::any_of(arguments, [](Degree d) { return d == Degree::other; });
  if (any_other) return Degree::other;
  const bool any_one = std::ranges::any_of(arguments, [](Degree d) { return d == Degree::one; });
  if (!any_one) return Degree::free;
  auto linear = [&](std::span<const Degree> sides) {
    return std::ranges::none_of(sides, [](Degree d) { return d == Degree::free; }) ? Degree::one
                                                                                   : Degree::other;
  };
  switch (node.op) {
    case Op::negate:
    case Op::absolute:
      return Degree::one;
    case Op::add:
    case Op::subtract:
    case Op::minimum:
    case Op::maximum:
      return linear(arguments);
    case Op::multiply:
      return arguments[0] == arguments[1] ? Degree::other : Degree::one;
    case Op::divide:
      return arguments[1] == Degree::free ? Degree::one : Degree::other;
    case Op::select:
      return arguments[0] == Degree::free ? linear(arguments.subspan(1)) : Degree::other;
    default:
      return Degree::other;
  }
}

}  // namespace

bool is_homogeneous(const Program& program) {
  std::vector<Degree> degrees;
  for (const Node& node : program.nodes) {
    if (node.op == Op::element) {
      degrees.push_back(Degree::one);
    } else if (node.op == Op::constant) {
      const bool zero = is_float(node.type) ? real_of(node) == 0 : node.immediate == 0;
      degrees.push_back(zero ? Degree::zero : Degree::free);
    } else {
      std::vector<Degree> arguments;
      for (NodeId id : node.arguments) arguments.push_back(degrees[id]);
      // A value that was rounded to a narrower type no longer scales.
      const bool narrow = node.type == Type::f16 || node.type == Type::bf16;
      const Degree degree = combine(node, arguments);
      degrees.push_back(narrow && degree == Degree::one ? Degree::other : degree);
    }
  }
  const Degree out = degrees[program.output];
  return out == Degree::one || out == Degree::zero;
}

}  // namespace onnxpack::kernels::flex
