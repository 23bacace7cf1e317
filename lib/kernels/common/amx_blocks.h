// A product of matrices by tiles: sums[m][n] += A[m] . B[n], where A's rows lie as they are and B
// stands in steps, [steps][16 rows of 64 bytes], as the products of amx_tiles.h take it.
//
// Four tiles hold sums, two each the operands: 32 by 32 sums, where each operand that is loaded
// meets two of the other. All of a row is whole steps of 64 bytes, and n is a multiple of 16; only
// m is any number, which costs a second configuration for its end.
#pragma once

#include "common/amx_tiles.h"

namespace onnxpack::kernels {
namespace {

constexpr std::size_t tile_side = 16;   // rows of sums, columns of sums, rows of a step of B
constexpr std::size_t tile_bytes = 64;  // of a row of any tile

struct TileProduct {
  const void* a = nullptr;
  std::size_t a_stride = 0;  // bytes from row to row, of all three
  const void* b = nullptr;
  std::size_t b_stride = 0;
  std::size_t steps = 0;
  void* sums = nullptr;  // of 32 bits
  std::size_t sums_stride = 0;

  // From row m and column n on.
  TileProduct at(std::size_t m, std::size_t n) const {
    return {static_cast<const char*>(a) + m * a_stride,
            a_stride,
            static_cast<const char*>(b) + n * 4,
            b_stride,
            steps,
            static_cast<char*>(sums) + m * sums_stride + n * 4,
            sums_stride};
  }
};

// What is in the sums' memory before: taken, or overwritten.
enum class Sums : std::uint8_t { add, set };

// Tiles 0 to 3 are sums, two by two; 4 and 5 are A, 6 and 7 B.
constexpr TileShapes block_shapes(std::size_t upper_rows, std::size_t lower_rows) {
  TileShapes out;
  constexpr std::size_t upper[] = {0, 1, 4};
  constexpr std::size_t lower[] = {2, 3, 5};
  for (std::size_t tile : upper) out.set(tile, upper_rows, tile_bytes);
  for (std::size_t tile : lower) out.set(tile, lower_rows, lower_rows > 0 ? tile_bytes : 0);
  for (std::size_t tile = 6; tile < 8; ++tile) out.set(tile, tile_side, tile_bytes);
  return out;
}

template <Sums Start, int Tile>
inline void start_sums(const char* from, std::size_t stride) {
  if constexpr (Start == Sums::set) {
    zero_tile<Tile>();
  } else {
    load_tile<Tile>(from, stride);
  }
}

struct Nothing {
  void operator()() const {}
};

// Rows of sums in one tile or two, columns likewise. Of::dot<sums, a, b>() is the product.
// `meanwhile` is what else there is to do, by other instructions, while tiles are multiplied.
template <typename Of, Sums Start, bool TwoDown, bool TwoAcross, typename Else = Nothing>
inline void tile_block(const TileProduct& p, const Else& meanwhile = {}) {
  char* upper = static_cast<char*>(p.sums);
  char* lower = upper + tile_side * p.sums_stride;
  start_sums<Start, 0>(upper, p.sums_stride);
  if constexpr (TwoAcross) start_sums<Start, 1>(upper + tile_bytes, p.sums_stride);
  if constexpr (TwoDown) start_sums<Start, 2>(lower, p.sums_stride);
  if constexpr (TwoDown && TwoAcross) start_sums<Start, 3>(lower + tile_bytes, p.sums_stride);
  const char* a = static_cast<const char*>(p.a);
  const char* b = static_cast<const char*>(p.b);
  for (std::size_t step = 0; step < p.steps; ++step) {
    load_tile<4>(a, p.a_stride);
    load_tile<6>(b, p.b_stride);
    Of::template dot<0, 4, 6>();
    if constexpr (TwoAcross) {
      load_tile<7>(b + tile_bytes, p.b_stride);
      Of::template dot<1, 4, 7>();
    }
    if constexpr (TwoDown) {
      load_tile<5>(a + tile_side * p.a_stride, p.a_stride);
      Of::template dot<2, 5, 6>();
    }
    if constexpr (TwoDown && TwoAcross) Of::template dot<3, 5, 7>();
    a += tile_bytes;
    b += tile_side * p.b_stride;
  }
  meanwhile();
  store_tile<0>(upper, p.sums_stride);
  if constexpr (TwoAcross) store_tile<1>(upper + tile_bytes, p.sums_stride);
  if constexpr (TwoDown) store_tile<2>(lower, p.sums_stride);
  if constexpr (TwoDown && TwoAcross) store_tile<3>(lower + tile_bytes, p.sums_stride);
}

template <typename Of, Sums Start, bool TwoDown>
inline void across_columns(const TileProduct& p, std::size_t columns) {
  std::size_t n = 0;
  for (; n + 2 * tile_side <= columns; n += 2 * tile_side)
    tile_block<Of, Start, TwoDown, true>(p.at(0, n));
  if (n < columns) tile_block<Of, Start, TwoDown, false>(p.at(0, n));
}

// Calls run<whether there is a second tile>(first row) for 32 rows of sums at a time, tiles
// configured for them, and releases the tiles.
template <typename Run>
inline void down_rows(std::size_t rows, Run&& run) {
  static constexpr TileShapes whole = block_shapes(tile_side, tile_side);
  const std::size_t pairs = rows / (2 * tile_side) * (2 * tile_side);
  if (pairs > 0) {
    configure_tiles(whole);
    for (std::size_t m = 0; m < pairs; m += 2 * tile_side) run.template operator()<true>(m);
  }
  const std::size_t left = rows - pairs;
  if (left > tile_side) {
    configure_tiles(block_shapes(tile_side, left - tile_side));
    run.template operator()<true>(pairs);
  } else if (left > 0) {
    configure_tiles(block_shapes(left, 0));
    run.template operator()<false>(pairs);
  }
  release_tiles();
}

}  // namespace
}  // namespace onnxpack::kernels
