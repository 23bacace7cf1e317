// What the tiles of a few queries (decode) have in common. Memory bounds decode, and AVX-512 BF16
// computes too long for it from three queries on: each of them costs a product for each line of K
// and of V, and keys have to be turned. A tile takes sixteen keys as they lie, and all queries at
// once.
#pragma once

#include "common/amx_blocks.h"
#include "flex_attention/pairs.h"

namespace {

constexpr std::size_t line_numbers = 32;  // of 64 bytes
// What has room on the stack: longer rows have other loops.
constexpr std::size_t most_tile_numbers = 1024;

}  // namespace
