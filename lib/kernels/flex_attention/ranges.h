// What values a program's nodes can take over a box of indices: how tiles that are masked whole are
// found before their scores are computed, and what else of a program is decided there. No pattern
// is looked for; a mask is whatever comes out as -inf.
#pragma once

#include <array>
#include <limits>
#include <vector>

#include "flex_attention/binding.h"

namespace onnxpack::kernels::flex {

// Closed. Of integers and booleans exact up to 2^53, beyond that the limits of the type.
struct Range {
  double low = 0;
  double high = 0;
  bool nan = false;
  bool is(double value) const { return low == value && high == value; }
};

// First and last index along each axis, from the right: k, q, h, b.
struct Box {
  std::array<std::int64_t, 4> first{};
  std::array<std::int64_t, 4> last{};
};

// Minimum and maximum of each 64 elements of an integer or boolean table, so that a range of a long
// one is cheap.
class TableSummary {
 public:
  TableSummary() = default;
  explicit TableSummary(const TableView& table);
  Range over(const TableView& table, std::int64_t first, std::int64_t last) const;

 private:
  std::vector<Range> blocks_;
};

class RangeAnalysis {
 public:
  // `program` has no sizes left. Both outlive this.
  RangeAnalysis(const Program& program, const std::vector<TableView>& tables);

  // ranges[i] of node i. An addition of -inf counts as -inf whatever the other side is: scores are
  // taken to be finite here.
  // `element` is what the incoming element may be.
  void evaluate(const Box& box, std::vector<Range>& ranges,
                const Range& element = any_element) const;
  static constexpr Range any_element{-std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<double>::infinity(), true};

 private:
  Range of(const Node& node, const Box& box, const std::vector<Range>& ranges) const;
  Range loaded(const Node& node, const std::vector<Range>& ranges) const;
  const Program& program_;
  const std::vector<TableView>& tables_;
  std::vector<TableSummary> summaries_;
};

}  // namespace onnxpack::kernels::flex
