// What each instruction set provides: the inner loops over one tile of scores. Sizes: `lanes` is a
// multiple of 16 up to most_lanes, and a tile is `rows` keys by `lanes` queries, stored key by key;
// of these the first `count` lanes are worked on, a multiple of 16 too.
// All float pointers but k and v are 64-byte aligned; nothing overlaps.
#pragma once

#include <cstddef>

#include "flex_attention/key_scale.h"
#include "flex_attention/reading.h"
#include "flex_attention/vm.h"
#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack::kernels::flex {

inline constexpr std::size_t most_lanes = 96;
inline constexpr std::size_t most_rows = 128;
// Lanes that are left out of a tile together; every instruction set's widest loop divides it.
inline constexpr std::size_t panel_lanes = 48;
// Up to so many queries of a tile take the loops for few, with tiles of more keys; up to most_few
// where FewLimit says so.
inline constexpr std::size_t usual_few = 8;
inline constexpr std::size_t most_few = 16;
// With rows of up to `numbers` up to `queries` gain by the loops for few, with longer ones
// usual_few.
struct FewLimit {
  std::size_t queries = usual_few;
  std::size_t numbers = 0;
};
// Keys that the loops for few take at once; most_few_rows where few_in_order.
inline constexpr std::size_t usual_few_rows = 512;
inline constexpr std::size_t most_few_rows = 1024;
// From one query's scores to the next one's; rows a multiple of 4 KB apart would meet in the few
// places that a cache has for each address in a page.
inline constexpr std::size_t few_tile_stride = most_few_rows + 16;

// The two matrix products. Where `panels_joined`, as many lanes as see the same keys are best given
// at once, else panels of panel_lanes. A float may stand for a pair of bf16; then `size` of scores
// and `rows` of weigh count pairs.
struct ProductOps {
  bool panels_joined = false;
  // tile[k][lane] = sum over e of keys[k * stride + e] * queries[e * lanes + lane]
  void (*scores)(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, std::size_t count, float* tile,
                 Ahead& ahead) = nullptr;
  // out[e][lane] = out[e][lane] * factor[lane] + sum over k of values[k * stride + e] *
  // tile[k][lane], or values[e * stride + k] with PairOps::turned_stride
  void (*weigh)(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                std::size_t size, std::size_t lanes, std::size_t count, const float* factor,
                float* out, Ahead& ahead) = nullptr;
  // The same for `count` queries, at most most_few, with queries[lane * query_stride + e], padded
  // by zeros to a multiple of 16 (of bf16 as PairOps::scale_few leaves them), tile[lane *
  // few_tile_stride + k] and out[lane * out_stride + e]. K and V are rows of `size` numbers as the
  // caller has them, f32 or bf16; bf16 keys are taken times the factor of `scale`, rounded again,
  // and queries as PairOps::scale_few gives them. `rows` is up to
  // most_few_rows, or usual_few_rows where nothing is ever read in order.
  void (*few_scores)(const float* queries, std::size_t query_stride, std::size_t count,
                     const void* keys, std::size_t rows, std::size_t size, const KeyScale& scale,
                     float* tile, Reading& reading) = nullptr;
  void (*few_weigh)(const float* tile, std::size_t rows, const void* values, std::size_t size,
                    std::size_t count, const float* factor, float* out, std::size_t out_stride,
                    Reading& reading) = nullptr;
  // Whether these two go through K and V line after line, for so many queries and rows of V of that
  // size, where that is wanted (Lookahead::in_order). Null where they never do.
  bool (*few_in_order)(std::size_t queries, std::size_t v_size) = nullptr;
};

// bf16 without a detour by f32: operands become pairs, scores are given as rounded to bf16.
struct PairOps {
  ProductOps products;
  // Rows of `size` numbers times `factor`, rounded again, into rows of `stride` pairs, a multiple
  // of 8; what is beyond `size` is 0.
  void (*scale)(const void* from, std::size_t rows, std::size_t size, float factor, float* to,
                std::size_t stride) = nullptr;
  // Queries as the same table's few_scores takes them for the same scale and as many: up to 16 rows
  // of `stride`.
  void (*scale_few)(const void* from, std::size_t rows, std::size_t size, const KeyScale& scale,
                    float* to, std::size_t stride) = nullptr;
  // to[k / 2 * size + e] = numbers e of rows k and k + 1, up to most_rows of them. Or, where
  // turned_stride is not 0, to[e * turned_stride + k / 2], and then pairs of rows that are not
  // there, up to a multiple of 16, are 0.
  void (*interleave)(const void* from, std::size_t rows, std::size_t size, float* to) = nullptr;
  std::size_t turned_stride = 0;
  // to[k / 2 * lanes + lane] = tile[k][lane] and tile[k + 1][lane], rounded
  void (*pack)(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
               float* to) = nullptr;
  // products.scores and the softmax below in one, for tiles that no program sees; null where that
  // gains nothing. K's and Q's numbers are as for scores, the others as for softmax.
  void (*attend)(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, std::size_t count, float* maximum, float* sum,
                 float* factor, float* to) = nullptr;
  // TileOps::few_softmax, as exact as bf16 is.
  void (*few_softmax)(float* tile, std::size_t rows, std::size_t count, float* maximum, float* sum,
                      float* factor, Reading& reading) = nullptr;
  FewLimit few_limit = {};
  // What a worker does before and after it calls the loops for `count` queries: they may want the
  // thread set up. Null where they do not.
  void (*few_begin)(std::size_t count) = nullptr;
  void (*few_end)(std::size_t count) = nullptr;
  // TileOps::softmax and pack in one.
  void (*softmax)(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                  float* maximum, float* sum, float* factor, float* to) = nullptr;
};

struct TileOps {
  Isa isa = Isa::reference;
  ProductOps products;
  // The loops for a few queries alone, of K and V that are widened to f32 there. Keys are taken as
  // those of pairs are, queries as f32.
  ProductOps few_f16, few_bf16;
  FewLimit few_limit = {};  // of f32; of what is widened usual_few always
  // Null where bf16 is widened to f32.
  const PairOps* pairs = nullptr;
  // Folds a tile of scores into the running maximum and sum, turns it into exp(score - maximum),
  // and gives the factor by which older terms shrink. A maximum of -inf counts as 0, so that fully
  // masked lanes stay at sum 0.
  void (*softmax)(float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                  float* maximum, float* sum, float* factor) = nullptr;
  // The same for tile[lane * few_tile_stride + k], up to most_few lanes. What is beyond `rows`, up
  // to a multiple of 16, may be written. `reading` is what comes next.
  void (*few_softmax)(float* tile, std::size_t rows, std::size_t count, float* maximum, float* sum,
                      float* factor, Reading& reading) = nullptr;
  // With the final maximum and sum: tile = exp(score - maximum) / sum.
  void (*probabilities)(float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                        const float* maximum, const float* sum) = nullptr;
  // out[e][lane] /= divisor[lane] for all lanes.
  void (*divide)(float* out, std::size_t size, std::size_t lanes, const float* divisor) = nullptr;
  // to[j * to_stride + i] = by * from[i * from_stride + j] of rows i and columns j; bits are moved
  // as they are where by is 1.
  void (*transpose)(const float* from, std::size_t rows, std::size_t columns,
                    std::size_t from_stride, float by, float* to, std::size_t to_stride) = nullptr;
  // f16 or bf16 to f32, times `factor` rounded to the type again unless factor is 1.
  void (*widen)(const void* from, Type type, std::size_t count, float factor, float* to) = nullptr;
  // f32 to f16 or bf16, rounded to nearest, ties to even.
  void (*narrow)(const float* from, Type type, std::size_t count, void* to) = nullptr;
  // Null where the machine has no such function; then the program goes to the reference.
  VmFunction (*function)(const VmKey& key) = nullptr;
};

const TileOps& tile_ops_avx2();
const TileOps& tile_ops_avx512();
const TileOps& tile_ops_avx512bf16();
const TileOps& tile_ops_amxbf16();
const TileOps& tile_ops_neon();
// Null where it has no loops of its own or is another architecture's.
const TileOps* tile_ops(Isa isa);

}  // namespace onnxpack::kernels::flex
