#include "flex_attention/tile_plan.h"

#include <algorithm>

namespace onnxpack::kernels::flex {

Plan make_plan(const Arguments& a, bool may_split, std::size_t width) {
  Plan out;
  const std::int64_t group = a.q_heads / a.kv_heads;
  const auto lanes = static_cast<std::int64_t>(most_lanes);
  // Whole heads while several fit, else parts of one head: a tile never straddles two long ones.
  const std::int64_t heads_at_once = std::clamp<std::int64_t>(lanes / a.q_length, 1, group);
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t g = 0; g < a.kv_heads; ++g) {
      for (std::int64_t h = 0; h < group; h += heads_at_once) {
        const std::int64_t rows = std::min(heads_at_once, group - h) * a.q_length;
        // Later queries first: under a causal mask they have the most to do.
        for (std::int64_t row = (rows - 1) / lanes * lanes; row >= 0; row -= lanes)
          out.tiles.push_back({b, g, h * a.q_length + row, std::min(lanes, rows - row)});
      }
    }
  }
  for (const QueryTile& tile : out.tiles)
    out.widest = std::max(out.widest, static_cast<std::size_t>(tile.count));
  out.part_keys = a.kv_length;
  const auto blocks =
      static_cast<std::size_t>((a.kv_length + static_cast<std::int64_t>(most_rows) - 1) /
                               static_cast<std::int64_t>(most_rows));
  if (may_split && width > 1 && out.tiles.size() < 2 * width && blocks > 1) {
    const std::size_t wanted = (4 * width + out.tiles.size() - 1) / out.tiles.size();
    const std::size_t blocks_each =
        std::max<std::size_t>(1, blocks / std::max<std::size_t>(1, wanted));
    out.part_keys = static_cast<std::int64_t>(blocks_each * most_rows);
    out.parts = (blocks + blocks_each - 1) / blocks_each;
  }
  return out;
}

}  // namespace onnxpack::kernels::flex
