// How a call is cut into tasks.
#pragma once

#include <cstdint>
#include <vector>

#include "flex_attention/tile_ops.h"
#include "onnxpack/kernels/flex_attention.h"

namespace onnxpack::kernels::flex {

// Queries of one tile: `count` rows of (heads x L), from `row` on, of kv head `kv_head`.
struct QueryTile {
  std::int64_t batch = 0;
  std::int64_t kv_head = 0;
  std::int64_t row = 0;
  std::int64_t count = 0;
};

struct Plan {
  std::vector<QueryTile> tiles;
  std::size_t widest = 0;  // the largest count
  std::size_t parts = 1;   // of the keys, per tile
  std::int64_t part_keys = 0;
};

// `width` workers; parts only where `may_split`.
Plan make_plan(const Arguments& a, bool may_split, std::size_t width);

}  // namespace onnxpack::kernels::flex
