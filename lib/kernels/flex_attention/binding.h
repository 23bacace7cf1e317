// A program with the sizes and tables of one call.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/kernels/flex_attention.h"

namespace onnxpack::kernels::flex {

struct Binding {
  const Program* program = nullptr;
  // By axis from the right: S, L, Hq, B.
  std::array<std::int64_t, 4> sizes{};
  // All tables of the program, the embedded ones included.
  std::vector<TableView> tables;
};

// Evaluates the program's checks. Errors: a table of another type or rank, or sizes that the
// modifier cannot broadcast.
Result<Binding> bind(const Program& program, std::array<std::int64_t, 4> sizes,
                     std::span<const TableView> captured);

Scalar read_element(const TableView& table, std::int64_t flat);
// Value of a node that depends on sizes only. Requires: no element, index or load below it.
Scalar evaluate_sizes(const Binding& binding, NodeId id);

}  // namespace onnxpack::kernels::flex
