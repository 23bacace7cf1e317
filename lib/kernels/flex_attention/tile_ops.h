// What each instruction set provides: the inner loops over one tile of scores. Sizes: `lanes` is a
// multiple of 16 up to most_lanes, and a tile is `rows` keys by `lanes` queries, stored key by key.
// All float pointers but k and v are 64-byte aligned; nothing overlaps.
#pragma once

#include "flex_attention/vm.h"
#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::kernels::flex {

inline constexpr std::size_t most_lanes = 96;
inline constexpr std::size_t most_rows = 128;

struct TileOps {
  Isa isa = Isa::reference;
  // tile[k][lane] = sum over e of keys[k * stride + e] * queries[e * lanes + lane]
  void (*scores)(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, float* tile) = nullptr;
  // Folds a tile of scores into the running maximum and sum, turns it into exp(score - maximum),
  // and gives the factor by which older terms shrink. A maximum of -inf counts as 0, so that fully
  // masked lanes stay at sum 0.
  void (*softmax)(float* tile, std::size_t rows, std::size_t lanes, float* maximum, float* sum,
                  float* factor) = nullptr;
  // With the final maximum and sum: tile = exp(score - maximum) / sum.
  void (*probabilities)(float* tile, std::size_t rows, std::size_t lanes, const float* maximum,
                        const float* sum) = nullptr;
  // out[e][lane] = out[e][lane] * factor[lane] + sum over k of values[k * stride + e] *
  // tile[k][lane]
  void (*weigh)(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                std::size_t size, std::size_t lanes, const float* factor, float* out) = nullptr;
  // rows[lane * size + e] = out[e][lane] / divisor[lane] for lanes below `count`; `out` is divided
  // too.
  void (*divide_rows)(float* out, std::size_t size, std::size_t lanes, const float* divisor,
                      std::size_t count, float* rows) = nullptr;
  // f16 or bf16 to f32, times `factor` rounded to the type again unless factor is 1.
  void (*widen)(const void* from, Type type, std::size_t count, float factor, float* to) = nullptr;
  // Null where the machine has no such function; then the program goes to the reference.
  VmFunction (*function)(const VmKey& key) = nullptr;
};

const TileOps& tile_ops_avx2();
const TileOps& tile_ops_avx512();
const TileOps& tile_ops_neon();

}  // namespace onnxpack::kernels::flex
