// The tile program: what a FlexAttention modifier (score_mod, prob_mod) computes for one element of
// the (B, Hq, L, S) tensor, as a graph of scalar operations over its four indices, the four sizes,
// the incoming element and tables.
//
// It is made once, at lowering, from the modifier's ONNX graph; it knows no shapes, which come when
// the kernel is bound to tensors. The bytes form travels as an attribute of the lowered node:
//
//   "OPTP"  version u8 (1)
//   u32 tables:  each element type u8, rank u8, captured u8; if not captured: rank x u64 sizes,
//   then the elements, little-endian u32 nodes:   each op u8, type u8, count u8, count x u32
//   arguments (always lower than the node's own number), i64 immediate u32 checks:  each u32 node
//   (boolean, must not depend on an index or the element) u32 output node
//
// Integers are little-endian. Equal programs have equal bytes. Version 2 would be refused, not
// guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::kernels::flex {

// Of values: f16 and bf16 arithmetic is f32 arithmetic rounded after each operation, i32 wraps.
enum class Type : std::uint8_t { f32, f64, f16, bf16, i64, i32, boolean };
std::string_view to_string(Type type);
inline bool is_float(Type type) {
  return type <= Type::bf16;
}
inline bool is_integer(Type type) {
  return type == Type::i64 || type == Type::i32;
}
// Of a table's element in memory: f32 4, f64 8, f16 and bf16 2, i64 8, i32 4, boolean 1.
std::size_t size_of(Type type);

enum class Op : std::uint8_t {
  element,     // the score (score_mod) or probability (prob_mod) at (b, h, q, k)
  index,       // i64; immediate 0: k, 1: q, 2: h, 3: b, as axes of the tensor count from the right
  size,        // i64; immediate as above: S, L, Hq, B
  table_size,  // i64; immediate: table * 16 + axis from the left
  constant,    // immediate: the integer, or the bits of the double
  load,        // immediate: table; one index per axis, negative ones count from the end
  // one argument
  cast,
  negate,
  absolute,
  square_root,
  exponential,
  logarithm,
  hyperbolic_tangent,
  sigmoid,
  error_function,
  sine,
  cosine,
  floor,
  ceiling,
  round,  // half to even
  sign,
  logical_not,
  is_nan,
  is_infinite,
  // two arguments of one type
  add,
  subtract,
  multiply,
  divide,     // of integers: towards zero
  modulo,     // of integers: sign of the divisor (Mod); of floats: sign of the dividend (fmod)
  remainder,  // of integers: sign of the dividend (Mod with fmod=1)
  power,
  minimum,
  maximum,
  equal,
  less,
  less_equal,
  logical_and,
  logical_or,
  logical_xor,
  // condition, then, else
  select,
};
inline constexpr std::size_t op_count = static_cast<std::size_t>(Op::select) + 1;
std::string_view to_string(Op op);
// Number of arguments; load's depends on its table.
std::size_t arity(Op op);

using NodeId = std::uint32_t;

struct Node {
  Op op = Op::constant;
  Type type = Type::f32;
  std::vector<NodeId> arguments;
  std::int64_t immediate = 0;
  auto operator<=>(const Node&) const = default;
};

// A constant's two faces.
std::int64_t to_immediate(double value);
double real_of(const Node& constant);

struct Table {
  Type element = Type::f32;
  std::uint8_t rank = 0;
  // Captured tables are the node's inputs behind Q, K and V, in order. The others carry their
  // elements.
  bool captured = true;
  std::vector<std::int64_t> sizes;
  std::string bytes;
};

struct Program {
  std::vector<Node> nodes;  // arguments come before their users
  std::vector<Table> tables;
  std::vector<NodeId> checks;
  NodeId output = 0;

  std::size_t captured_count() const;
  bool is_identity() const { return nodes[output].op == Op::element; }
};

// One scalar: `f` of float types, `i` of integers and booleans.
struct Scalar {
  double f = 0;
  std::int64_t i = 0;
};
// The meaning of every operation but element, index, size, table_size and load. Rounds the result
// to `type`. Integer division by zero gives 0 (ONNX leaves it open). `from` is the type of the
// first argument that is not a condition.
Scalar evaluate(Op op, Type type, Type from, std::span<const Scalar> arguments);
// To the nearest value of a float type, ties to even; integers wrap.
Scalar round_to(Type type, Scalar value);

// Makes programs: equal nodes become one, constants are folded, and what needs no knowledge of
// sizes is simplified.
class Builder {
 public:
  NodeId element(Type type);
  NodeId index(std::int64_t axis_from_right);
  NodeId size(std::int64_t axis_from_right);
  NodeId table_size(std::size_t table, std::size_t axis);
  NodeId real(Type type, double value);
  NodeId integer(std::int64_t value, Type type = Type::i64);
  NodeId boolean(bool value) { return integer(value ? 1 : 0, Type::boolean); }
  NodeId load(std::size_t table, std::vector<NodeId> indices);
  NodeId cast(NodeId value, Type type);
  NodeId apply(Op op, std::vector<NodeId> arguments);
  // As apply, with the type given: what the others come down to.
  NodeId make(Node node);

  std::size_t add_table(Table table);
  void check(NodeId condition);

  const Node& operator[](NodeId id) const { return nodes_[id]; }
  const Table& table(std::size_t index) const { return tables_[index]; }
  bool is_constant(NodeId id) const { return nodes_[id].op == Op::constant; }
  bool is_integer(NodeId id, std::int64_t value) const {
    return is_constant(id) && !is_float(nodes_[id].type) && nodes_[id].immediate == value;
  }
  // `root` with index(axis) replaced by replacement[axis] for each axis of the map.
  NodeId substitute(NodeId root, const std::map<std::int64_t, NodeId>& replacement);

  // What `output` needs, and no more.
  Program finish(NodeId output) const;

 private:
  NodeId simplify(const Node& node);
  NodeId intern(Node node);
  std::vector<Node> nodes_;
  std::map<Node, NodeId> known_;
  std::vector<Table> tables_;
  std::vector<NodeId> checks_;
};

// Element `index` of an embedded table as a constant.
NodeId table_constant(Builder& builder, const Table& table, std::size_t index);

std::string serialize(const Program& program);
// Errors: says what is wrong. A program that comes back is well-typed: every use of it is safe with
// any tensors.
Result<Program> parse(std::string_view bytes);
// For people, one line per node: "%5 = select %3, %4, -inf".
std::string to_text(const Program& program);

// Whether the program, as prob_mod, commutes with multiplying the element by a positive number, so
// that it may be applied before the division by the softmax's sum.
bool is_homogeneous(const Program& program);

}  // namespace onnxpack::kernels::flex
