// What the tiles of a few queries (decode) have in common. Memory bounds decode, and AVX-512 BF16
// computes too long for it from three queries on: each of them costs a product for each line of K
// and of V, and keys have to be turned. A tile takes sixteen keys as they lie, and all queries at
// once.
//
// Tiles ask memory in two stages always, and beside the softmax: only Intel's CPUs have them.
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
// What has room on the stack with sixteen queries, with eight twice as much: longer rows have other
// loops.
constexpr std::size_t most_tile_numbers = 512;

// Columns of scores: up to eight queries take half as much.
constexpr std::size_t columns_for(std::size_t queries) {
  return queries <= 8 ? 8 : 16;
}

// One configuration for scores and values, since nothing is read while tiles are configured.
// Scores are [keys][queries], keys the first operand as they lie; outputs are [queries][numbers],
// weights the first operand. More than eight queries are taken as sixteen, and all tiles have one
// shape: then scores and values need not share them out, and two lines of V meet the weights at
// once.
constexpr int query_tile = 2, line_tile = 3;  // 0 and 1: sums of scores
constexpr int even_weights = 4, odd_weights = 5;
struct EightQueries {
  static constexpr int lines[] = {line_tile}, even_sums[] = {6}, odd_sums[] = {7};
};
struct SixteenQueries {
  static constexpr int lines[] = {6, 7}, even_sums[] = {0, 2}, odd_sums[] = {1, 3};
};
constexpr TileShapes few_shapes(std::size_t queries) {
  TileShapes out;
  for (std::size_t tile = 0; tile < 8; ++tile) out.set(tile, tile_side, 64);
  if (columns_for(queries) == 16) return out;
  for (std::size_t tile = 0; tile <= query_tile; ++tile) out.set(tile, tile_side, 32);
  for (std::size_t tile = even_weights; tile < 8; ++tile) out.set(tile, queries, 64);
  return out;
}

}  // namespace
