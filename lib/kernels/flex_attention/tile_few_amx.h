// What the tiles of a few queries (decode) have in common. Memory bounds decode, and AVX-512 BF16
// computes too long for it from three queries on: each of them costs a product for each line of K
// and of V, and keys have to be turned. A tile takes sixteen keys as they lie, and all queries at
// once.
#pragma once

#include "common/amx_blocks.h"
#include "flex_attention/pairs.h"

namespace {

using onnxpack::kernels::configure_tiles;
using onnxpack::kernels::dot_bf16;
using onnxpack::kernels::load_tile;
using onnxpack::kernels::release_tiles;
using onnxpack::kernels::store_tile;
using onnxpack::kernels::tile_side;
using onnxpack::kernels::TileShapes;
using onnxpack::kernels::zero_tile;
using onnxpack::kernels::flex::most_few;
using onnxpack::kernels::flex::Reading;

constexpr std::size_t line_numbers = 32;  // of 64 bytes
// What has room on the stack: longer rows have other loops.
constexpr std::size_t most_tile_numbers = 1024;

// One configuration for scores and values, since each costs as much as twenty lines of memory.
// Scores are [keys][queries], keys the first operand as they lie; outputs are [queries][numbers],
// weights the first operand. A line's tile is loaded anew while the product before still reads it.
constexpr int query_tile = 2, line_tile = 3;  // 0 and 1: sums of scores
constexpr int even_weights = 4, odd_weights = 5, even_sums = 6, odd_sums = 7;
constexpr TileShapes few_shapes(std::size_t queries) {
  TileShapes out;
  for (std::size_t tile = 0; tile <= query_tile; ++tile)
    out.set(tile, tile_side, most_few * sizeof(float));
  out.set(line_tile, tile_side, 64);
  for (std::size_t tile = even_weights; tile <= odd_sums; ++tile) out.set(tile, queries, 64);
  return out;
}

}  // namespace
