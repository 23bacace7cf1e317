// bf16 by tiles. As AVX-512 BF16 has them, a tile of scores is [keys][queries], and so is the
// output, [numbers of V][queries]: pairs of Q and of weights, [pairs][queries], are the second
// operand of TDPBF16PS as they are, and so are rows of K the first. Only V is turned round when it
// is converted.
//
// Tiles are configured and released in each call, as in ternary/gemm_amxint8.cc; with 96 queries,
// 128 keys and 64 numbers a call has 96 products. What is read next is not asked for: on Emerald
// Rapids that cost 1.05 to 1.1 of the time wherever K and V were. Tiles of queries are taken whole,
// not by panels, since 48 lanes are a tile and a half.
//
// A few queries (decode) have tiles of their own, tile_few_amx.h.
#include <algorithm>

#include "common/amx_blocks.h"
#include "flex_attention/tile_few_amx_scores.h"
#include "flex_attention/tile_few_amx_values.h"
#include "flex_attention/tile_softmax_pairs.h"

namespace onnxpack::kernels::flex {
namespace {

struct PairProducts {
  template <int Sums, int A, int B>
  static void dot() {
    dot_bf16<Sums, A, B>();
  }
};

constexpr std::size_t square_side = 2 * tile_side;
constexpr std::size_t most_pairs = most_rows / 2;

// Of a matrix of `lanes` columns up to 32 rows and 32 columns.
struct Square {
  std::size_t row, lane, rows, lanes;
};

// Calls step<two tiles of rows, two of columns>(block, the block after it) for all of `rows` by
// `count`, tiles configured for them; the block after the last has no rows.
template <typename Step>
inline void each_square(std::size_t rows, std::size_t count, const Step& step) {
  auto block = [&](std::size_t row, std::size_t lane) {
    return Square{row, lane, row < rows ? std::min(square_side, rows - row) : 0,
                  std::min(square_side, count - lane)};
  };
  down_rows(rows, [&]<bool TwoDown>(std::size_t row) {
    for (std::size_t lane = 0; lane < count; lane += square_side) {
      const bool last = lane + square_side >= count;
      const Square now = block(row, lane);
      const Square next = last ? block(row + square_side, 0) : block(row, lane + square_side);
      if (now.lanes > tile_side) {
        step.template operator()<TwoDown, true>(now, next);
      } else {
        step.template operator()<TwoDown, false>(now, next);
      }
    }
  });
}

template <std::size_t N>
inline void round_rows(float* at, std::size_t rows, std::size_t lanes) {
#pragma GCC unroll 4
  for (std::size_t row = 0; row < rows; ++row, at += lanes) {
#pragma GCC unroll 2
    for (std::size_t n = 0; n < N; ++n) store(at + n * width, Pairs::stored(load(at + n * width)));
  }
}

// Scores as rounded to bf16.
inline void round_square(float* tile, std::size_t lanes, const Square& square) {
  float* at = tile + square.row * lanes + square.lane;
  if (square.lanes > width) {
    round_rows<2>(at, square.rows, lanes);
  } else {
    round_rows<1>(at, square.rows, lanes);
  }
}

TileProduct key_product(const float* queries, const float* keys, std::size_t stride,
                        std::size_t size, std::size_t lanes, float* sums, std::size_t sums_stride) {
  return {.a = keys,
          .a_stride = stride * sizeof(float),
          .b = queries,
          .b_stride = lanes * sizeof(float),
          .steps = size / tile_side,
          .sums = sums,
          .sums_stride = sums_stride * sizeof(float)};
}

// As scores of ProductOps; `size` is a multiple of 16 pairs, as PairOps::scale gives them. A square
// is rounded beside the next one's products: that takes as long as they do.
void tile_scores(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, std::size_t count, float* tile, Ahead&) {
  const TileProduct all = key_product(queries, keys, stride, size, lanes, tile, lanes);
  Square before{};
  each_square(rows, count, [&]<bool TwoDown, bool TwoAcross>(const Square& now, const Square&) {
    tile_block<PairProducts, Sums::set, TwoDown, TwoAcross>(
        all.at(now.row, now.lane), [&] { round_square(tile, lanes, before); });
    before = now;
  });
  round_square(tile, lanes, before);
}

// Sums of a square, where the tiles leave them, and what the scores' maxima are so far.
struct Scored {
  alignas(64) float sums[2][square_side * square_side];
  alignas(64) float largest[most_lanes];
};

// Pairs of keys of a square's scores; a second key that is not there has -inf.
template <std::size_t N>
inline void pack_scores(const float* sums, const Square& square, std::size_t lanes, float* largest,
                        float* to) {
  const __m512i places = _mm512_load_si512(half_turns.order);
  Vf most[N];
#pragma GCC unroll 2
  for (std::size_t n = 0; n < N; ++n) most[n] = load(largest + square.lane + n * width);
  to += square.row / 2 * lanes + square.lane;
#pragma GCC unroll 4
  for (std::size_t row = 0; row < square.rows; row += 2, sums += 2 * square_side, to += lanes) {
#pragma GCC unroll 2
    for (std::size_t n = 0; n < N; ++n) {
      const Vf upper = load(sums + n * width);
      const Vf lower =
          row + 1 < square.rows ? load(sums + square_side + n * width) : splat(-__builtin_inff());
      most[n] = larger(upper, larger(lower, most[n]));
      _mm512_store_si512(to + n * width, pair_of(upper, lower, places));
    }
  }
#pragma GCC unroll 2
  for (std::size_t n = 0; n < N; ++n) store(largest + square.lane + n * width, most[n]);
}

// As attend of PairOps. Scores never are f32 in memory but for two squares: a tile of them would
// fill the nearest cache, and what is stored would have to be fetched first.
void tile_attend(const float* queries, const float* keys, std::size_t stride, std::size_t rows,
                 std::size_t size, std::size_t lanes, std::size_t count, float* maximum, float* sum,
                 float* factor, float* to) {
  Scored scored;
  std::fill_n(scored.largest, count, -__builtin_inff());
  std::size_t set = 0;
  Square before{};
  auto pack = [&] {
    const float* sums = scored.sums[1 - set];
    if (before.lanes > width) {
      pack_scores<2>(sums, before, lanes, scored.largest, to);
    } else {
      pack_scores<1>(sums, before, lanes, scored.largest, to);
    }
  };
  each_square(rows, count, [&]<bool TwoDown, bool TwoAcross>(const Square& now, const Square&) {
    TileProduct here =
        key_product(queries, keys, stride, size, lanes, scored.sums[set], square_side)
            .at(now.row, now.lane);
    here.sums = scored.sums[set];
    tile_block<PairProducts, Sums::set, TwoDown, TwoAcross>(here, pack);
    before = now;
    set = 1 - set;
  });
  pack();
  softmax_packed(to, (rows + 1) / 2, lanes, count, scored.largest, maximum, sum, factor);
}

// As interleave of PairOps, numbers apart: to[e * most_pairs + k / 2].
void turn_values(const void* from, std::size_t rows, std::size_t size, float* to) {
  const FewPairs in;
  const auto* values = static_cast<const std::uint16_t*>(from);
  for (std::size_t e = 0; e < size; e += square_side)
    for (std::size_t k = 0; k < rows; k += square_side) {
      // Of 32 keys and 32 numbers the pairs of keys, 16 numbers each.
      __m512 square[2][16] = {};
      const __mmask32 there = first_of(size - e);
      for (std::size_t i = 0; i < 16 && k + 2 * i < rows; ++i) {
        const std::uint16_t* at = values + (k + 2 * i) * size + e;
        const __mmask32 second = k + 2 * i + 1 < rows ? there : 0;
        const __m512i a = _mm512_maskz_loadu_epi16(there, at);
        const __m512i b = _mm512_maskz_loadu_epi16(second, second != 0 ? at + size : at);
        square[0][i] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, in.lower, b));
        square[1][i] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, in.upper, b));
      }
      for (std::size_t half = 0; half < 2 && e + 16 * half < size; ++half) {
        turn_square(square[half]);
        for (std::size_t i = 0; i < 16 && e + 16 * half + i < size; ++i)
          _mm512_store_ps(to + (e + 16 * half + i) * most_pairs + k / 2, square[half][i]);
      }
    }
}

// The end of a product of weights: fewer than 16 pairs, made 16 with zeros, since what is behind
// them may be NaN.
struct LastPairs {
  alignas(64) float values[square_side * tile_side];
  alignas(64) float weights[tile_side * most_lanes];

  void take_weights(const float* tile, std::size_t pairs, std::size_t lanes, std::size_t count) {
    for (std::size_t k = 0; k < tile_side; ++k)
      for (std::size_t lane = 0; lane < count; lane += width)
        store(weights + k * most_lanes + lane, k < pairs ? load(tile + k * lanes + lane) : Vf{});
  }
  void take_values(const float* from, std::size_t pairs, std::size_t stride, std::size_t rows) {
    const auto there = static_cast<__mmask16>(first_of(pairs));
    for (std::size_t row = 0; row < rows; ++row)
      store(values + row * tile_side,
            reinterpret_cast<Vf>(_mm512_maskz_loadu_ps(there, from + row * stride)));
  }
};

inline void shrink(float* out, std::size_t lanes, const Square& block, const float* factor) {
  for (std::size_t row = 0; row < block.rows; ++row)
    for (std::size_t lane = 0; lane < block.lanes; lane += width) {
      float* at = out + (block.row + row) * lanes + block.lane + lane;
      store(at, load(at) * load(factor + block.lane + lane));
    }
}

// As weigh of ProductOps; `rows` counts pairs, up to most_pairs, and V is as turn_values gives it.
// The output's next block is shrunk while this one is multiplied.
void tile_weigh(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                std::size_t size, std::size_t lanes, std::size_t count, const float* factor,
                float* out, Ahead&) {
  const std::size_t left = rows % tile_side;
  LastPairs last;
  if (left > 0) last.take_weights(tile + (rows - left) * lanes, left, lanes, count);
  const TileProduct whole{.a = values,
                          .a_stride = stride * sizeof(float),
                          .b = tile,
                          .b_stride = lanes * sizeof(float),
                          .steps = rows / tile_side,
                          .sums = out,
                          .sums_stride = lanes * sizeof(float)};
  shrink(out, lanes, {0, 0, std::min(square_side, size), std::min(square_side, count)}, factor);
  each_square(
      size, count, [&]<bool TwoDown, bool TwoAcross>(const Square& now, const Square& next) {
        const TileProduct here = whole.at(now.row, now.lane);
        tile_block<PairProducts, Sums::add, TwoDown, TwoAcross>(
            here, [&] { shrink(out, lanes, next, factor); });
        if (left == 0) return;
        if (now.lane == 0)
          last.take_values(values + now.row * stride + (rows - left), left, stride, now.rows);
        TileProduct end = here;
        end.a = last.values;
        end.a_stride = tile_bytes;
        end.b = last.weights + now.lane;
        end.b_stride = most_lanes * sizeof(float);
        end.steps = 1;
        tile_block<PairProducts, Sums::add, TwoDown, TwoAcross>(end);
      });
}

// One query or two are computed as fast as memory gives K and V by AVX-512 BF16, and without a way
// through the stack. Longer rows than there is room for on it go there too, and those of nothing.
bool worth_tiles(std::size_t count, std::size_t size) {
  return count > 2 && size > 0 && size * columns_for(count) <= most_few * most_tile_numbers;
}

void few_begin(std::size_t count) {
  if (worth_tiles(count, 1)) configure_tiles(few_shapes(count));
}
void few_end(std::size_t count) {
  if (worth_tiles(count, 1)) release_tiles();
}

void scale_few(const void* from, std::size_t rows, std::size_t size, const KeyScale& by, float* to,
               std::size_t stride) {
  const auto scale = tile_ops_avx512bf16().pairs->scale_few;
  if (!worth_tiles(rows, size)) return scale(from, rows, size, by, to, stride);
  alignas(64) float scaled[most_few * most_tile_numbers / 2];
  scale(from, rows, size, by, scaled, stride);
  spread_queries(scaled, stride, rows, stride / tile_side, to);
}

void few_scores(const float* queries, std::size_t query_stride, std::size_t count, const void* keys,
                std::size_t rows, std::size_t size, const KeyScale& scale, float* tile,
                Reading& reading) {
  const auto scores =
      worth_tiles(count, size) ? few_tile_scores : tile_ops_avx512bf16().pairs->products.few_scores;
  scores(queries, query_stride, count, keys, rows, size, scale, tile, reading);
}

void few_weigh(const float* tile, std::size_t rows, const void* values, std::size_t size,
               std::size_t count, const float* factor, float* out, std::size_t out_stride,
               Reading& reading) {
  if (worth_tiles(count, size) &&
      few_tile_weigh(tile, rows, values, size, count, factor, out, out_stride, reading))
    return;
  tile_ops_avx512bf16().pairs->products.few_weigh(tile, rows, values, size, count, factor, out,
                                                  out_stride, reading);
}

}  // namespace

// All but these products is AVX-512 BF16's.
const TileOps& tile_ops_amxbf16() {
  static const PairOps pairs = [] {
    PairOps out = *tile_ops_avx512bf16().pairs;
    out.interleave = turn_values;
    out.turned_stride = most_pairs;
    out.products.panels_joined = true;
    out.attend = tile_attend;
    out.products.scores = tile_scores;
    out.products.weigh = tile_weigh;
    out.scale_few = scale_few;
    out.few_limit = {.queries = most_few, .numbers = most_tile_numbers};
    out.few_begin = few_begin;
    out.few_end = few_end;
    out.products.few_scores = few_scores;
    out.products.few_weigh = few_weigh;
    // No CPU with tiles is known to fetch by itself what they would want.
    out.products.few_in_order = nullptr;
    return out;
  }();
  static const TileOps ops = [] {
    TileOps out = tile_ops_avx512bf16();
    out.isa = Isa::amx_bf16;
    out.pairs = &pairs;
    return out;
  }();
  return ops;
}

}  // namespace onnxpack::kernels::flex
