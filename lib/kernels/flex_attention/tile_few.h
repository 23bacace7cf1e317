// The loops for a few queries and many keys (decode): each query, each row of its scores and each
// output is a row of its own, a row of K or V is read once for all of them, and memory is what
// bounds the speed (tile_worker_few.cc). Whatever else is done with a tile runs along those rows
// too: with queries as lanes most of a vector would be empty.
#pragma once

#include "flex_attention/few_numbers.h"
#include "flex_attention/few_sums.h"
#if defined(__AVX512F__)
#include "flex_attention/tile_few_order.h"
#include "flex_attention/tile_fours.h"
#endif

namespace {

using onnxpack::kernels::Lookahead;
using onnxpack::kernels::flex::few_tile_stride;
using onnxpack::kernels::flex::most_few;
using onnxpack::kernels::flex::Reading;

#if defined(__AVX512F__)
// Eight at a time, while what the first eight read is in the nearest cache. 12 queries over 256 MB
// on Zen 4 were 1.3 times as fast by these loops as by those for many in f32, 1.15 times in pairs
// of bf16; 16 were as fast, and slower where the cache held all of it. By AVX2, and with numbers of
// 16 bits that are widened for each eight queries anew, nothing is gained.
constexpr onnxpack::kernels::flex::FewLimit limit_of_few{.queries = 12, .numbers = 512};
#endif

// Scores of K keys by R queries; queries are padded by zeros to whole vectors, `query_stride`
// apart.
template <std::size_t K, std::size_t R, typename In, typename Stages>
inline void few_scores_block(const In& in, const float* queries, std::size_t query_stride,
                             const typename In::Number* keys, std::size_t size, float* tile,
                             Stages& asking) {
  constexpr std::size_t count = K * R > 8 ? 16 : 8;
  Vf acc[count] = {};
  // Called twice, which the compiler takes for a reason to leave the sums in memory.
  auto add = [&](std::size_t at, const Vf(&key)[K]) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const Vf query = load(queries + r * query_stride + at);
#pragma GCC unroll 8
      for (std::size_t k = 0; k < K; ++k) acc[r * K + k] = In::add(acc[r * K + k], query, key[k]);
    }
  };
  std::size_t e = 0;
  std::size_t at = 0;
  Vf key[K];
  for (; e + In::key_numbers <= size; e += In::key_numbers, at += width) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < K; ++k) {
      key[k] = in.key(keys + k * size + e);
      ask<In::key_bytes>(asking);
    }
    add(at, key);
  }
  if (e < size) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < K; ++k) {
      key[k] = in.key_part(keys + k * size + e, size - e);
      ask<In::key_bytes>(asking);
    }
    add(at, key);
  }
  alignas(64) float sums[16];
  lanes_sums(in, acc, sums);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r)
    std::memcpy(tile + r * few_tile_stride, sums + r * K, K * sizeof(float));
}

#if defined(__AVX512F__)
// Of `rows` keys as many as make up eights, as few_scores of ProductOps; how many those were. 0 as
// well where something was met that `In` has no quick way for: then no score is to be used.
template <std::size_t R, typename Stages, typename In>
[[gnu::always_inline]] inline std::size_t few_scores_by_eight(const In& of, const float* queries,
                                                              std::size_t query_stride,
                                                              const typename In::Number* keys,
                                                              std::size_t rows, std::size_t size,
                                                              float* tile, const Reading& reading) {
  const In in = of;  // a copy stays in registers
  std::size_t k = 0;
  for (; k + keys_of_eight <= rows; k += keys_of_eight) {
    const typename In::Number* at = keys + k * size;
    Stages asking = reading.ahead<Stages>(k * size * sizeof *keys);
    few_scores_turned<R>(in, queries, query_stride, at, size, tile + k, asking);
  }
  return in.certain() ? k : 0;
}
#endif

template <std::size_t R, typename Stages, typename In>
[[gnu::noinline]] void few_scores_of(const In& in, const float* queries, std::size_t query_stride,
                                     const typename In::Number* keys, std::size_t rows,
                                     std::size_t size, float* tile, const Reading& reading) {
  constexpr std::size_t keys_at_once = few_scores_at_once / R < 8 ? few_scores_at_once / R : 8;
  std::size_t k = 0;
#if defined(__AVX512F__)
  if (reading.way == Lookahead::in_order) {
    if constexpr (R <= In::most_in_order)
      k = few_scores_in_order<R>(in, queries, query_stride, keys, rows, size, tile, reading);
  } else if constexpr (In::by_eight) {
    auto by_eight = [&](std::size_t words, std::size_t numbers) __attribute__((always_inline)) {
      return few_scores_by_eight<R, Stages>(in, queries, words, keys, rows, numbers, tile, reading);
    };
    // What most models have is worth loops whose strides are known. (64 is not: the compiler makes
    // worse code of it.)
    constexpr std::size_t usual = 128;
    constexpr std::size_t usual_words = usual / In::key_numbers * width;
    k = size == usual && query_stride == usual_words ? by_eight(usual_words, usual)
                                                     : by_eight(query_stride, size);
  }
#endif
  if (k == rows) return;
  const auto any = in.any();
  auto block = [&]<std::size_t K>() {
    Stages asking = reading.ahead<Stages>(k * size * sizeof *keys);
    few_scores_block<K, R>(any, queries, query_stride, keys + k * size, size, tile + k, asking);
    k += K;
  };
  while (k + keys_at_once <= rows) block.template operator()<keys_at_once>();
  while (k < rows) block.template operator()<1>();
}

// N vectors of each of R outputs, `out_stride` apart, the last vector of `part` floats.
template <std::size_t N, std::size_t R, typename In, typename Stages>
inline void few_weigh_block(const In& in, const float* weights, std::size_t rows,
                            const typename In::Number* values, std::size_t stride, std::size_t part,
                            const float* factor, float* out, std::size_t out_stride,
                            Stages& asking) {
  Vf acc[R][N];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      acc[r][n] = load(out + r * out_stride + n * width) * factor[r];
  }
  for (std::size_t k = 0; k < rows; k += In::rows_together) {
    Vf line[N];
    in.values(values + k * stride, stride, rows - k, part, line);
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n) ask<In::value_bytes>(asking);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const float weight =
          weights[r * (few_tile_stride / In::rows_together) + k / In::rows_together];
#pragma GCC unroll 8
      for (std::size_t n = 0; n < N; ++n) acc[r][n] = In::add(acc[r][n], weight, line[n]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n) store(out + r * out_stride + n * width, acc[r][n]);
  }
}

// From `e` on as long as N vectors fit, then with half as many.
template <std::size_t N, std::size_t R, typename Stages, typename In>
void few_weigh_from(const In& in, const float* weights, std::size_t rows,
                    const typename In::Number* values, std::size_t size, const float* factor,
                    float* out, std::size_t out_stride, const Reading& reading, std::size_t done,
                    std::size_t e) {
  auto block = [&](std::size_t part) {
    Stages asking = reading.ahead<Stages>(done + rows * e * sizeof *values);
    few_weigh_block<N, R>(in, weights, rows, values + e, size, part, factor, out + e, out_stride,
                          asking);
  };
  for (; e + N * width <= size; e += N * width) block(width);
  if constexpr (N > 1) {
    few_weigh_from<N / 2, R, Stages>(in, weights, rows, values, size, factor, out, out_stride,
                                     reading, done, e);
  } else if (e < size) {
    block(size - e);
  }
}

// Rows that are weighed together: sums are kept that long, and about as much is asked for.
constexpr std::size_t weighed_bytes = 8192;
inline std::size_t weighed_rows(std::size_t row_bytes) {
  constexpr std::size_t group = 8;
  const std::size_t fit = weighed_bytes / (row_bytes > 0 ? row_bytes : 1) / group * group;
  return fit > group ? fit : group;
}

template <std::size_t R, typename Stages, typename In>
void few_weigh_of(const In& in, const float* weights, std::size_t rows,
                  const typename In::Number* values, std::size_t size, const float* factor,
                  float* out, std::size_t out_stride, const Reading& reading) {
#if defined(__AVX512F__)
  if constexpr (R <= In::most_in_order) {
    if (reading.way == Lookahead::in_order && few_in_order<In>(R, size))
      return few_weigh_in_order<R>(in, weights, rows, values, size, factor, out, out_stride,
                                   reading);
  }
#endif
  constexpr std::size_t fits = few_sums / R;
  constexpr std::size_t at_once = fits >= 8 ? 8 : fits >= 4 ? 4 : fits >= 2 ? 2 : 1;
  static constexpr float ones[usual_few] = {1, 1, 1, 1, 1, 1, 1, 1};
  const std::size_t step = weighed_rows(size * sizeof *values);
  for (std::size_t k = 0; k < rows; k += step) {
    const std::size_t count = rows - k < step ? rows - k : step;
    // What was there before is shrunk once.
    few_weigh_from<at_once, R, Stages>(in, weights + k / In::rows_together, count,
                                       values + k * size, size, k == 0 ? factor : ones, out,
                                       out_stride, reading, k * size * sizeof *values, 0);
  }
}

// Calls run<R, Stages>(first query, first row, rows, reading) until all of `count` queries have met
// all rows of `row_bytes`: where those are more than are taken at once, for as many rows as stay in
// the nearest cache till the last of them.
template <typename Stages, typename Run>
inline void for_groups_by(std::size_t count, std::size_t rows, std::size_t row_bytes,
                          const Reading& reading, Run&& run) {
  if (count <= usual_few)
    return for_count(count, [&]<std::size_t R>() {
      run.template operator()<R, Stages>(std::size_t{0}, std::size_t{0}, rows, reading);
    });
  const std::size_t step = weighed_rows(row_bytes);
  for (std::size_t k = 0; k < rows; k += step) {
    const std::size_t some = rows - k < step ? rows - k : step;
    Reading now = reading.from(k * row_bytes);
    for (std::size_t first = 0; first < count; first += usual_few) {
      const std::size_t left = count - first;
      for_count(left < usual_few ? left : usual_few,
                [&]<std::size_t R>() { run.template operator()<R, Stages>(first, k, some, now); });
      now.near = now.lead = now.far = 0;  // asked for already; what is read is asked for again
    }
  }
}
template <typename Run>
inline void for_groups(std::size_t count, std::size_t rows, std::size_t row_bytes,
                       const Reading& reading, Run&& run) {
  if (reading.way == Lookahead::one_stage) {
    for_groups_by<OneStage>(count, rows, row_bytes, reading, run);
  } else {
    for_groups_by<TwoStages>(count, rows, row_bytes, reading, run);
  }
}

template <typename In>
void few_scores(const float* queries, std::size_t query_stride, std::size_t count, const void* keys,
                std::size_t rows, std::size_t size, const KeyScale& scale, float* tile,
                Reading& reading) {
  const In in(scale);
  const auto* from = static_cast<const typename In::Number*>(keys);
  for_groups(count, rows, size * sizeof *from, reading,
             [&]<std::size_t R, typename Stages>(std::size_t first, std::size_t k, std::size_t some,
                                                 const Reading& now) {
               few_scores_of<R, Stages>(in, queries + first * query_stride, query_stride,
                                        from + k * size, some, size,
                                        tile + first * few_tile_stride + k, now);
             });
}

template <typename In>
void few_weigh(const float* tile, std::size_t rows, const void* values, std::size_t size,
               std::size_t count, const float* factor, float* out, std::size_t out_stride,
               Reading& reading) {
  const In in;
  static constexpr float ones[usual_few] = {1, 1, 1, 1, 1, 1, 1, 1};
  constexpr std::size_t pairs = most_few * few_tile_stride / In::rows_together;
  alignas(64) float room[In::rows_together > 1 ? pairs : 1];
  const float* weights = In::weights(tile, rows, count, room);
  const auto* from = static_cast<const typename In::Number*>(values);
  for_groups(count, rows, size * sizeof *from, reading,
             [&]<std::size_t R, typename Stages>(std::size_t first, std::size_t k, std::size_t some,
                                                 const Reading& now) {
               few_weigh_of<R, Stages>(in,
                                       weights + (first * few_tile_stride + k) / In::rows_together,
                                       some, from + k * size, size, k == 0 ? factor + first : ones,
                                       out + first * out_stride, out_stride, now);
             });
}

// ProductOps::few_in_order.
template <typename Values>
constexpr bool (*in_order_of)(std::size_t, std::size_t) =
#if defined(__AVX512F__)
    few_in_order<Values>;
#else
    nullptr;
#endif

}  // namespace
