// Prefill by tiles. A panel as unpack_*_avx512vnni() writes it is [width / 4][80 rows][4 columns]:
// sixteen of its steps by sixteen of its rows are the second operand of TDPBSUD as they lie there,
// and sixteen rows of activations are the first, so nothing is rearranged.
//
// The second cache is the limit: on Emerald Rapids a tile comes from it in 20 cycles, from the
// first in 8, and a product takes 16. So 320 columns at a time, by 32 rows of activations and all
// 80 of the panel: both operands and the sums are 45 KB, and each comes into the first cache once.
// That is 0.6 to 0.7 of what tiles can do with operands that stay in them; whole rows, whose sums
// never leave the tiles, were at 0.55, pieces of 256 columns and stores at the end of each block at
// 0.43. Activations packed tile by tile would be 6 in 100 faster; more rows at a time are not, and
// prefetches into the first cache make it slower.
#include "common/amx_blocks.h"
#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t piece_steps = 5;

// The block whose sums are still in the tiles. They are stored one by one between the first
// products of the next block: a store waits for its tile's last product, 52 cycles after it began,
// and four of them at a block's end leave the tiles without work for 100 cycles.
struct Finished {
  char* sums = nullptr;  // null: none
  bool across = false;   // whether there is a second tile of columns
};

template <int Tile>
inline void exchange(bool store, char* finished, const char* next, std::size_t stride) {
  if (store) store_tile<Tile>(finished, stride);
  load_tile<Tile>(next, stride);
}

// The products of one step of 64 columns. First: of a block.
template <bool First, bool TwoDown, bool TwoAcross>
inline void step(const TileProduct& p, const char* a, const char* b, Finished finished) {
  const std::size_t stride = p.sums_stride;
  const std::size_t down = tile_side * stride;
  char* sums = static_cast<char*>(p.sums);
  const bool any = First && finished.sums != nullptr;
  char* before = any ? finished.sums : sums;
  load_tile<4>(a, p.a_stride);
  load_tile<6>(b, p.b_stride);
  if constexpr (First) exchange<0>(any, before, sums, stride);
  dot_signed_unsigned<0, 4, 6>();
  if (any && finished.across) store_tile<1>(before + tile_bytes, stride);
  if constexpr (TwoAcross) {
    load_tile<7>(b + tile_bytes, p.b_stride);
    if constexpr (First) load_tile<1>(sums + tile_bytes, stride);
    dot_signed_unsigned<1, 4, 7>();
  }
  if constexpr (TwoDown) {
    load_tile<5>(a + tile_side * p.a_stride, p.a_stride);
    if constexpr (First) exchange<2>(any, before + down, sums + down, stride);
    dot_signed_unsigned<2, 5, 6>();
    if (any && finished.across) store_tile<3>(before + down + tile_bytes, stride);
  }
  if constexpr (TwoDown && TwoAcross) {
    if constexpr (First) load_tile<3>(sums + down + tile_bytes, stride);
    dot_signed_unsigned<3, 5, 7>();
  }
}

template <bool TwoDown, bool TwoAcross>
inline void block(const TileProduct& p, Finished& finished) {
  const char* a = static_cast<const char*>(p.a);
  const char* b = static_cast<const char*>(p.b);
  step<true, TwoDown, TwoAcross>(p, a, b, finished);
  for (std::size_t i = 1; i < p.steps; ++i)
    step<false, TwoDown, TwoAcross>(p, a + i * tile_bytes, b + i * tile_side * p.b_stride, {});
  finished = {static_cast<char*>(p.sums), TwoAcross};
}

// Up to 32 rows of activations by the whole panel.
template <bool TwoDown>
inline void rows_by_panel(const TileProduct& all) {
  Finished finished;
  for (std::size_t first = 0; first < all.steps; first += piece_steps) {
    TileProduct piece = all;
    piece.a = static_cast<const char*>(all.a) + first * tile_bytes;
    piece.b = static_cast<const char*>(all.b) + first * tile_side * all.b_stride;
    piece.steps = all.steps - first < piece_steps ? all.steps - first : piece_steps;
    std::size_t n = 0;
    for (; n + 2 * tile_side <= panel_rows; n += 2 * tile_side)
      block<TwoDown, true>(piece.at(0, n), finished);
    if (n < panel_rows) block<TwoDown, false>(piece.at(0, n), finished);
  }
  static_assert(panel_rows % (2 * tile_side) == tile_side);  // the last block is one tile across
  if (finished.sums == nullptr) return;
  store_tile<0>(finished.sums, all.sums_stride);
  if constexpr (TwoDown)
    store_tile<2>(finished.sums + tile_side * all.sums_stride, all.sums_stride);
}

}  // namespace

// Tiles are configured and released in each call, since the threads are not ours and the driver has
// no place that all kernels would have to know for it. A call has 32 rows of activations by 80 of
// the panel: ten products for 64 columns, beside one configuration and a release.
void gemm_amxint8(const PanelJob& job) {
  const TileProduct all{.a = job.activations,
                        .a_stride = job.activation_stride,
                        .b = job.panel,
                        .b_stride = panel_rows * 4,
                        .steps = job.width / tile_bytes,
                        .sums = job.out,
                        .sums_stride = job.out_pitch * 4};
  down_rows(job.m, [&]<bool TwoDown>(std::size_t m) { rows_by_panel<TwoDown>(all.at(m, 0)); });
}

}  // namespace onnxpack::kernels::ternary
