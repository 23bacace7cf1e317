// How a matrix of the sources would begin in the other ternary forms: by that a blob's copy of it
// is found.
#pragma once

#include <vector>

#include "onnxpack/extents/finder.h"
#include "onnxpack/extents/ternary.h"

namespace onnxpack::extents {

struct TernaryHead {
  Ternary ternary;         // from the range's form
  std::uint64_t size = 0;  // of the matrix in the other form
  Bytes begin;             // its first `size` bytes, as many as were asked for
};

// Nothing for ranges that are no matrix of a ternary form, or of reals that are not ternary where
// they begin. Whole matrices are not looked at. Errors: as reading.
Result<std::vector<TernaryHead>> ternary_heads(const io::ReadableFile& file, const Range& range,
                                               std::size_t head_size);

}  // namespace onnxpack::extents
