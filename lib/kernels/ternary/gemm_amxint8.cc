// Prefill by tiles. A panel as unpack_*_avx512vnni() writes it is [width / 4][80 rows][4 columns]:
// sixteen of its steps by sixteen of its rows are the second operand of TDPBSUD as they lie there,
// and sixteen rows of activations are the first, so nothing is rearranged.
//
// Four tiles hold sums, two each the operands: 32 rows of activations by 32 of the panel, where
// each operand that is loaded meets two of the other. 80 rows are two such pairs and a single one.
#include <algorithm>

#include "common/amx_tiles.h"
#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t side = 16;                    // rows of activations, rows of the panel
constexpr std::size_t deep = 64;                    // columns
constexpr std::size_t step_bytes = panel_rows * 4;  // four columns of a panel

// Tiles 0 to 3 are sums, [rows of activations][rows of the panel] two by two; 4 and 5 activations,
// 6 and 7 codes.
constexpr TileShapes shapes(std::size_t upper, std::size_t lower) {
  TileShapes out;
  for (std::size_t tile : {0U, 1U, 4U}) out.set(tile, upper, deep);
  if (lower > 0)
    for (std::size_t tile : {2U, 3U, 5U}) out.set(tile, lower, deep);
  for (std::size_t tile : {6U, 7U}) out.set(tile, deep / 4, deep);
  return out;
}

// Rows [m, ...) of activations in one tile or two, rows [n, ...) of the panel likewise.
template <bool TwoDown, bool TwoAcross>
void block(const PanelJob& job, std::size_t m, std::size_t n) {
  const std::size_t pitch = job.out_pitch * 4;
  std::int32_t* upper = job.out + m * job.out_pitch + n;
  std::int32_t* lower = upper + side * job.out_pitch;
  load_tile<0>(upper, pitch);
  if constexpr (TwoAcross) load_tile<1>(upper + side, pitch);
  if constexpr (TwoDown) load_tile<2>(lower, pitch);
  if constexpr (TwoDown && TwoAcross) load_tile<3>(lower + side, pitch);
  const std::int8_t* a = job.activations + m * job.activation_stride;
  const std::uint8_t* codes = job.panel + n * 4;
  for (std::size_t k = 0; k < job.width; k += deep, codes += deep / 4 * step_bytes) {
    load_tile<4>(a + k, job.activation_stride);
    load_tile<6>(codes, step_bytes);
    dot_signed_unsigned<0, 4, 6>();
    if constexpr (TwoAcross) {
      load_tile<7>(codes + side * 4, step_bytes);
      dot_signed_unsigned<1, 4, 7>();
    }
    if constexpr (TwoDown) {
      load_tile<5>(a + k + side * job.activation_stride, job.activation_stride);
      dot_signed_unsigned<2, 5, 6>();
    }
    if constexpr (TwoDown && TwoAcross) dot_signed_unsigned<3, 5, 7>();
  }
  store_tile<0>(upper, pitch);
  if constexpr (TwoAcross) store_tile<1>(upper + side, pitch);
  if constexpr (TwoDown) store_tile<2>(lower, pitch);
  if constexpr (TwoDown && TwoAcross) store_tile<3>(lower + side, pitch);
}

template <bool TwoDown>
void across_panel(const PanelJob& job, std::size_t m) {
  static_assert(panel_rows == 5 * side);
  block<TwoDown, true>(job, m, 0);
  block<TwoDown, true>(job, m, 2 * side);
  block<TwoDown, false>(job, m, 4 * side);
}

}  // namespace

// Tiles are configured and released in each call, since the threads are not ours and the driver has
// no place that all kernels would have to know for it. A call has at most 100 rows of activations
// and 256 columns: 140 products of 16 cycles each by Intel's manual, 40 with the 32 rows from which
// on this is used, beside one or two configurations and a release.
void gemm_amxint8(const PanelJob& job) {
  static constexpr TileShapes whole = shapes(side, side);
  const std::size_t pairs = job.m / (2 * side) * (2 * side);
  if (pairs > 0) {
    configure_tiles(whole);
    for (std::size_t m = 0; m < pairs; m += 2 * side) across_panel<true>(job, m);
  }
  if (const std::size_t left = job.m - pairs; left > 0) {
    const std::size_t upper = std::min(left, side);
    configure_tiles(shapes(upper, left - upper));
    left > side ? across_panel<true>(job, pairs) : across_panel<false>(job, pairs);
  }
  release_tiles();
}

}  // namespace onnxpack::kernels::ternary
