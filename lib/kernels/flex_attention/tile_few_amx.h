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

}  // namespace
