// The operator as its function body says it, one row at a time, every sum in f64. Slow, and what
// the fast kernels are held against.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "flex_attention/half.h"
#include "flex_attention/kernel.h"

namespace onnxpack::kernels::flex {
namespace {

constexpr std::size_t axes = 4;

// Evaluates a program for one row: what does not depend on k or the element once, the rest for each
// k.
class RowProgram {
 public:
  explicit RowProgram(const Binding& binding) : binding_(binding) {
    const Program& program = *binding.program;
    values_.resize(program.nodes.size());
    for (const Node& node : program.nodes) {
      bool inner = node.op == Op::element || (node.op == Op::index && node.immediate == 0);
      for (NodeId argument : node.arguments) inner = inner || inner_[argument];
      inner_.push_back(inner);
    }
  }

  void start_row(std::array<std::int64_t, axes> index) {
    index_ = index;
    update(false, {});
  }
  Scalar at(std::int64_t k, Scalar element) {
    index_[0] = k;
    update(true, element);
    return values_[binding_.program->output];
  }
  bool out_of_range() const { return out_of_range_; }

 private:
  void update(bool inner, Scalar element) {
    const Program& program = *binding_.program;
    for (NodeId id = 0; id < program.nodes.size(); ++id) {
      if (inner_[id] == inner) values_[id] = value(program.nodes[id], element);
    }
  }

  Scalar value(const Node& node, Scalar element) {
    const auto immediate = static_cast<std::size_t>(node.immediate);
    switch (node.op) {
      case Op::element:
        return element;
      case Op::index:
        return {0, index_[immediate]};
      case Op::size:
        return {0, binding_.sizes[immediate]};
      case Op::table_size:
        return {0, binding_.tables[immediate / 16].sizes[immediate % 16]};
      case Op::constant:
        return is_float(node.type) ? Scalar{real_of(node), 0} : Scalar{0, node.immediate};
      case Op::load:
        return loaded(node, binding_.tables[immediate]);
      default:
        break;
    }
    std::array<Scalar, 3> arguments{};
    for (std::size_t i = 0; i < node.arguments.size(); ++i)
      arguments[i] = values_[node.arguments[i]];
    const Type from = binding_.program->nodes[node.arguments[node.op == Op::select ? 1 : 0]].type;
    return evaluate(node.op, node.type, from, std::span(arguments).first(node.arguments.size()));
  }

  Scalar loaded(const Node& node, const TableView& table) {
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
      std::int64_t at = values_[node.arguments[i]].i;
      if (at < 0) at += table.sizes[i];
      if (at < 0 || at >= table.sizes[i]) {
        out_of_range_ = true;
        return {};
      }
      flat = flat * table.sizes[i] + at;
    }
    return read_element(table, flat);
  }

  const Binding& binding_;
  std::vector<Scalar> values_;
  std::vector<bool> inner_;
  std::array<std::int64_t, axes> index_{};
  bool out_of_range_ = false;
};

class Reference {
 public:
  explicit Reference(const Call& call) : call_(call), a_(call.arguments) {
    const double root = std::sqrt(static_cast<double>(call.scale));
    factor_ = round_to(call.spec.element, {static_cast<double>(static_cast<float>(root)), 0}).f;
  }

  bool row(std::int64_t row_number) {
    const std::int64_t q = row_number % a_.q_length;
    const std::int64_t h = row_number / a_.q_length % a_.q_heads;
    const std::int64_t b = row_number / a_.q_length / a_.q_heads;
    const std::int64_t kv =
        (a_.kv_batch == 1 ? 0 : b) * a_.kv_heads + h / (a_.q_heads / a_.kv_heads);
    bool in_range = true;
    std::vector<double> row(static_cast<std::size_t>(a_.kv_length));
    scores(row, row_number, kv);
    if (call_.score != nullptr) in_range = modify(*call_.score, row, {0, q, h, b});
    softmax(row);
    if (call_.prob != nullptr) in_range = modify(*call_.prob, row, {0, q, h, b}) && in_range;
    output(row, row_number, kv);
    return in_range;
  }

 private:
  TableView view(const void* data) const { return {call_.spec.element, data, {}}; }
  double rounded(Type type, double value) const { return round_to(type, {value, 0}).f; }

  void scores(std::vector<double>& row, std::int64_t row_number, std::int64_t kv) const {
    const TableView q = view(a_.q);
    const TableView k = view(a_.k);
    const Type element = call_.spec.element;
    std::vector<double> left(static_cast<std::size_t>(a_.qk_size));
    for (std::int64_t e = 0; e < a_.qk_size; ++e)
      left[static_cast<std::size_t>(e)] =
          rounded(element, read_element(q, row_number * a_.qk_size + e).f * factor_);
    for (std::int64_t s = 0; s < a_.kv_length; ++s) {
      double sum = 0;
      const std::int64_t base = (kv * a_.kv_length + s) * a_.qk_size;
      for (std::int64_t e = 0; e < a_.qk_size; ++e)
        sum += left[static_cast<std::size_t>(e)] *
               rounded(element, read_element(k, base + e).f * factor_);
      row[static_cast<std::size_t>(s)] = rounded(call_.spec.precision(), rounded(element, sum));
    }
  }

  static bool modify(const Binding& binding, std::vector<double>& row,
                     std::array<std::int64_t, axes> index) {
    RowProgram program(binding);
    program.start_row(index);
    for (std::size_t s = 0; s < row.size(); ++s)
      row[s] = program.at(static_cast<std::int64_t>(s), {row[s], 0}).f;
    return !program.out_of_range();
  }

  void softmax(std::vector<double>& row) const {
    double most = -std::numeric_limits<double>::infinity();
    bool nan = false;
    for (double score : row) {
      nan = nan || score != score;
      most = std::max(most, score);
    }
    if (nan) most = std::numeric_limits<double>::quiet_NaN();
    if (call_.spec.zero_masked_rows && most == -std::numeric_limits<double>::infinity()) {
      std::ranges::fill(row, 0.0);
      return;
    }
    double sum = 0;
    for (double& score : row) sum += score = std::exp(score - most);
    for (double& score : row) score = rounded(call_.spec.precision(), score / sum);
  }

  void output(const std::vector<double>& row, std::int64_t row_number, std::int64_t kv) const {
    const TableView v = view(a_.v);
    std::vector<double> sums(static_cast<std::size_t>(a_.v_size), 0.0);
    for (std::int64_t s = 0; s < a_.kv_length; ++s) {
      const double probability = row[static_cast<std::size_t>(s)];
      const std::int64_t base = (kv * a_.kv_length + s) * a_.v_size;
      for (std::int64_t e = 0; e < a_.v_size; ++e)
        sums[static_cast<std::size_t>(e)] += probability * read_element(v, base + e).f;
    }
    for (std::int64_t e = 0; e < a_.v_size; ++e)
      store(row_number * a_.v_size + e,
            rounded(call_.spec.precision(), sums[static_cast<std::size_t>(e)]));
  }

  void store(std::int64_t at, double value) const {
    switch (call_.spec.element) {
      case Type::f64:
        static_cast<double*>(a_.y)[at] = value;
        break;
      case Type::f16:
        static_cast<std::uint16_t*>(a_.y)[at] = double_to_half(value);
        break;
      case Type::bf16:
        static_cast<std::uint16_t*>(a_.y)[at] = double_to_bfloat(value);
        break;
      default:
        static_cast<float*>(a_.y)[at] = static_cast<float>(value);
        break;
    }
  }

  const Call& call_;
  const Arguments& a_;
  double factor_ = 1;
};

}  // namespace

Status run_reference(const Call& call, Parallel& parallel) {
  const Arguments& a = call.arguments;
  Reference reference(call);
  const auto rows = static_cast<std::size_t>(a.batch * a.q_heads * a.q_length);
  std::atomic<bool> in_range = true;
  parallel_for(parallel, rows, [&](std::size_t row) {
    if (!reference.row(static_cast<std::int64_t>(row))) in_range = false;
  });
  if (!in_range) return std::unexpected("a modifier's index is beyond its table");
  return {};
}

}  // namespace onnxpack::kernels::flex
