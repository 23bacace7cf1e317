// Which integers make sense as inputs, as far as the graph itself tells: for generated test data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

struct InputRange {
  std::string input;
  std::int64_t low = 0;
  std::int64_t high = 0;  // inclusive
  std::string reason;     // "indexes 30522 rows of embeddings.weight (Gather, node 12)"
};

// Integer inputs only, and only two derivations, both followed through operators that move or cast
// elements:
//   - indices of a Gather or GatherElements over a constant or a value of known shape: 0 .. rows -
//   1, the smallest of all such uses
//   - values that are only looked at as truth (Cast to bool), or subtracted from 1, as attention
//   masks are: 0 .. 1
// An input that is not listed has no derivable range. Errors: as reading the graph.
Result<std::vector<InputRange>> input_ranges(const ModelFile& model);

}  // namespace onnxpack::model
