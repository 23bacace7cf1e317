#include "flex_attention/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace onnxpack::kernels::flex {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double exact_limit = 9007199254740992.0;  // 2^53
constexpr std::int64_t block = 64;
// A rectangle of a table larger than this is not looked through.
constexpr std::int64_t most_elements = 4096;

constexpr Range any_real{-infinity, infinity, true};
constexpr Range any_truth{0, 1, false};

Range any(Type type) {
  switch (type) {
    case Type::i64:
      return {-9223372036854775808.0, 9223372036854775808.0, false};
    case Type::i32:
      return {-2147483648.0, 2147483647.0, false};
    case Type::boolean:
      return any_truth;
    default:
      return any_real;
  }
}

Range exact(double value) {
  return {value, value, value != value};
}
Range truth(bool certain_yes, bool certain_no) {
  return {certain_yes ? 1.0 : 0.0, certain_no ? 0.0 : 1.0, false};
}
Range hull(const Range& a, const Range& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high), a.nan || b.nan};
}
bool finite(const Range& a) {
  return std::isfinite(a.low) && std::isfinite(a.high);
}

// A result of the type: rounding is monotone, so it goes for both ends; integers that may wrap can
// be anything.
Range typed(Type type, Range range) {
  if (range.low != range.low || range.high != range.high) return any(type);
  if (is_float(type)) {
    return {round_to(type, {range.low, 0}).f, round_to(type, {range.high, 0}).f, range.nan};
  }
  const Range limits = type == Type::i64 ? Range{-exact_limit, exact_limit, false} : any(type);
  return range.low < limits.low || range.high > limits.high ? any(type) : range;
}

Range sum(const Range& a, const Range& b) {
  if (a.is(-infinity) || b.is(-infinity)) return {-infinity, -infinity, true};
  return {a.low + b.low, a.high + b.high, a.nan || b.nan || !finite(a) || !finite(b)};
}
Range negated(const Range& a) {
  return {-a.high, -a.low, a.nan};
}

template <typename Corner>
Range corners(const Range& a, const Range& b, Corner&& corner) {
  if (!finite(a) || !finite(b)) return {-infinity, infinity, true};
  const std::array<double, 4> all = {corner(a.low, b.low), corner(a.low, b.high),
                                     corner(a.high, b.low), corner(a.high, b.high)};
  return {*std::ranges::min_element(all), *std::ranges::max_element(all), a.nan || b.nan};
}

Range quotient(Type type, const Range& a, const Range& b) {
  if (b.low <= 0 && b.high >= 0) return any(type);
  if (is_float(type)) return corners(a, b, [](double x, double y) { return x / y; });
  return corners(a, b, [](double x, double y) { return std::trunc(x / y); });
}

Range modulo(Type type, const Range& a, const Range& b) {
  if (is_float(type) || b.low != b.high || b.low <= 0 || !finite(a)) return any(type);
  const double base = std::floor(a.low / b.low) * b.low;
  if (a.high < base + b.low) return {a.low - base, a.high - base, false};
  return {0, b.low - 1, false};
}

Range remainder(Type type, const Range& a, const Range& b) {
  if (a.low >= 0) return modulo(type, a, b);
  if (is_float(type) || !finite(b)) return any(type);
  const double most = std::max(std::fabs(b.low), std::fabs(b.high));
  return {-most, most, false};
}

Range absolute(const Range& a) {
  const double most = std::max(std::fabs(a.low), std::fabs(a.high));
  const bool spans = a.low <= 0 && a.high >= 0;
  return {spans ? 0 : std::min(std::fabs(a.low), std::fabs(a.high)), most, a.nan};
}

// A comparison with NaN is false, so what is certainly false stays so.
Range compared(Op op, const Range& a, const Range& b) {
  const bool nan = a.nan || b.nan;
  if (op == Op::less) return truth(!nan && a.high < b.low, a.low >= b.high);
  if (op == Op::less_equal) return truth(!nan && a.high <= b.low, a.low > b.high);
  const bool apart = a.high < b.low || b.high < a.low;
  return truth(!nan && a.low == a.high && b.low == b.high && a.low == b.low, apart);
}

Range converted(Type type, const Range& a) {
  if (type == Type::boolean) return truth(a.low > 0 || a.high < 0, a.is(0) && !a.nan);
  if (is_float(type)) return typed(type, a);
  if (a.nan || !finite(a)) return any(type);
  return typed(type, {std::trunc(a.low), std::trunc(a.high), false});
}

Range logical(Op op, const Range& a, const Range& b) {
  if (op == Op::logical_and) return {std::min(a.low, b.low), std::min(a.high, b.high), false};
  if (op == Op::logical_or) return {std::max(a.low, b.low), std::max(a.high, b.high), false};
  if (a.low != a.high || b.low != b.high) return any_truth;
  return exact(a.low != b.low ? 1 : 0);
}

}  // namespace

TableSummary::TableSummary(const TableView& table) {
  std::int64_t elements = 1;
  for (std::int64_t size : table.sizes) elements *= size;
  if (is_float(table.element) || elements <= block) return;
  for (std::int64_t first = 0; first < elements; first += block)
    blocks_.push_back(over(table, first, std::min(first + block, elements) - 1));
}

Range TableSummary::over(const TableView& table, std::int64_t first, std::int64_t last) const {
  Range out{infinity, -infinity, false};
  std::int64_t at = first;
  while (at <= last) {
    const auto number = static_cast<std::size_t>(at / block);
    if (at % block == 0 && at + block - 1 <= last && number < blocks_.size()) {
      out = hull(out, blocks_[number]);
      at += block;
      continue;
    }
    const Scalar value = read_element(table, at++);
    out = hull(out, exact(is_float(table.element) ? value.f : static_cast<double>(value.i)));
  }
  return out;
}

RangeAnalysis::RangeAnalysis(const Program& program, const std::vector<TableView>& tables)
    : program_(program), tables_(tables), summaries_(tables.size()) {
  for (const Node& node : program.nodes) {
    if (node.op != Op::load) continue;
    const auto table = static_cast<std::size_t>(node.immediate);
    summaries_[table] = TableSummary(tables[table]);
  }
}

Range RangeAnalysis::loaded(const Node& node, const std::vector<Range>& ranges) const {
  const auto number = static_cast<std::size_t>(node.immediate);
  const TableView& table = tables_[number];
  // Rows of the rectangle, all but the last axis counted out one by one.
  std::int64_t rows = 1;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> count;
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    const Range& index = ranges[node.arguments[i]];
    if (index.low < 0 || index.high >= static_cast<double>(table.sizes[i])) return any(node.type);
    first.push_back(static_cast<std::int64_t>(index.low));
    count.push_back(static_cast<std::int64_t>(index.high) - first.back() + 1);
    if (i + 1 < node.arguments.size()) rows *= count.back();
    if (rows > most_elements) return any(node.type);
  }
  const std::int64_t across = first.empty() ? 1 : count.back();
  const bool summarized = !is_float(node.type);
  if (rows * (summarized ? across / block + 1 : across) > most_elements) return any(node.type);
  Range out{infinity, -infinity, false};
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t flat = 0;
    std::int64_t rest = row;
    std::int64_t stride = 1;
    for (std::size_t i = first.size(); i-- > 0;) {
      const bool inner = i + 1 == first.size();
      const std::int64_t at = first[i] + (inner ? 0 : rest % count[i]);
      if (!inner) rest /= count[i];
      flat += at * stride;
      stride *= table.sizes[i];
    }
    out = hull(out, summaries_[number].over(table, flat, flat + across - 1));
  }
  return out;
}

Range RangeAnalysis::of(const Node& node, const Box& box, const std::vector<Range>& ranges) const {
  const Range a = node.arguments.empty() ? Range{} : ranges[node.arguments[0]];
  const Range b = node.arguments.size() < 2 ? Range{} : ranges[node.arguments[1]];
  const auto axis = static_cast<std::size_t>(node.immediate);
  switch (node.op) {
    case Op::index:
      return {static_cast<double>(box.first[axis]), static_cast<double>(box.last[axis]), false};
    case Op::constant:
      return is_float(node.type) ? exact(real_of(node))
                                 : typed(node.type, exact(static_cast<double>(node.immediate)));
    case Op::load:
      return loaded(node, ranges);
    case Op::cast:
      return converted(node.type, a);
    case Op::negate:
      return typed(node.type, negated(a));
    case Op::absolute:
      return typed(node.type, absolute(a));
    case Op::add:
      return typed(node.type, sum(a, b));
    case Op::subtract:
      return typed(node.type, sum(a, negated(b)));
    case Op::multiply:
      return typed(node.type, corners(a, b, [](double x, double y) { return x * y; }));
    case Op::divide:
      return typed(node.type, quotient(node.type, a, b));
    case Op::modulo:
      return modulo(node.type, a, b);
    case Op::remainder:
      return remainder(node.type, a, b);
    case Op::minimum:
      return {std::min(a.low, b.low), std::min(a.high, b.high), a.nan || b.nan};
    case Op::maximum:
      return {std::max(a.low, b.low), std::max(a.high, b.high), a.nan || b.nan};
    case Op::equal:
    case Op::less:
    case Op::less_equal:
      return compared(node.op, a, b);
    case Op::logical_not:
      return {1 - a.high, 1 - a.low, false};
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_xor:
      return logical(node.op, a, b);
    case Op::is_nan:
      return truth(false, !a.nan);
    case Op::is_infinite:
      return truth(false, finite(a));
    case Op::select:
      if (a.is(1)) return b;
      if (a.is(0)) return ranges[node.arguments[2]];
      return hull(b, ranges[node.arguments[2]]);
    default:
      return any(node.type);
  }
}

void RangeAnalysis::evaluate(const Box& box, std::vector<Range>& ranges,
                             const Range& element) const {
  ranges.resize(program_.nodes.size());
  for (std::size_t i = 0; i < program_.nodes.size(); ++i) {
    const Node& node = program_.nodes[i];
    ranges[i] = node.op == Op::element ? element : of(node, box, ranges);
  }
}

}  // namespace onnxpack::kernels::flex
