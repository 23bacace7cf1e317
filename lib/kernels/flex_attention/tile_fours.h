// Scores of a few queries by AVX-512, eight keys at a time. Memory bounds decode, so what is spent
// on a line of K must be less than what memory takes for it, some six cycles.
//
// Of four keys the lines are turned within each 128 bits only: that is the half of a transposition
// whose instructions any pipe takes, and leaves in a vector numbers 4 j + p of four keys, j being
// the 128 bits. A query's line is spread to match, its number 4 j + p over the 128 bits, when it is
// loaded: kept spread it would be four times as long, and queries of more than 2 KB keep the caches
// from seeing that K is read in order (at 8 queries of 128 bf16 that halved the speed). Sums are
// complete after one more addition across the 128 bits for sixteen scores at once.
#pragma once

#include "flex_attention/tile_products.h"

namespace {

using onnxpack::kernels::flex::few_tile_stride;

constexpr std::size_t keys_of_eight = 8;

// out[p] has in its 128 bits j the numbers 4 j + p of x[0] to x[3].
inline void turn_fours(const __m512* x, __m512* out) {
  const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1]));
  const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1]));
  const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3]));
  const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
  out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
  out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
  out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
  out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

// The sums over the 128 bits of a[0], a[1], b[0] and b[1], one after the other.
inline __m512 sum_fours(const Vf (&a)[2], const Vf (&b)[2]) {
  auto halves = [](const Vf(&of)[2]) __attribute__((always_inline)) {
    const auto x = reinterpret_cast<__m512>(of[0]);
    const auto y = reinterpret_cast<__m512>(of[1]);
    return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x44), _mm512_shuffle_f32x4(x, y, 0xEE));
  };
  const __m512 first = halves(a);
  const __m512 second = halves(b);
  return _mm512_add_ps(_mm512_shuffle_f32x4(first, second, 0x88),
                       _mm512_shuffle_f32x4(first, second, 0xDD));
}

// The turned lines of eight keys: of each `In::key_numbers` numbers, or `Part` of them.
template <bool Part, typename In, typename Stages>
[[gnu::always_inline]] inline void lines_of_eight(const In& in, const typename In::Number* at,
                                                  std::size_t size, std::size_t part,
                                                  Stages& asking, __m512* turned) {
#pragma GCC unroll 2
  for (std::size_t g = 0; g < keys_of_eight; g += 4) {
    __m512 line[4];
#pragma GCC unroll 4
    for (std::size_t k = 0; k < 4; ++k, at += size) {
      line[k] = reinterpret_cast<__m512>(Part ? in.key_part(at, part) : in.key(at));
      ask<In::key_bytes>(asking);
    }
    turn_fours(line, turned + g);
  }
}

// acc[r][g] += the products of query r with four keys' turned[4 g] to turned[4 g + 3].
template <std::size_t R, typename In>
[[gnu::always_inline]] inline void add_eight(const float* queries, std::size_t query_stride,
                                             const __m512* turned, Vf (&acc)[R][2]) {
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
    const __m512 line = _mm512_load_ps(queries + r * query_stride);
    const __m512 spread[4] = {_mm512_permute_ps(line, 0x00), _mm512_permute_ps(line, 0x55),
                              _mm512_permute_ps(line, 0xAA), _mm512_permute_ps(line, 0xFF)};
#pragma GCC unroll 4
    for (std::size_t p = 0; p < 4; ++p) {
#pragma GCC unroll 2
      for (std::size_t g = 0; g < 2; ++g)
        acc[r][g] = In::add(acc[r][g], reinterpret_cast<Vf>(spread[p]),
                            reinterpret_cast<Vf>(turned[4 * g + p]));
    }
  }
}

// Eight keys by R queries, as few_scores_block.
template <std::size_t R, typename In, typename Stages>
[[gnu::always_inline]] inline void few_scores_turned(const In& in, const float* queries,
                                                     std::size_t query_stride,
                                                     const typename In::Number* keys,
                                                     std::size_t size, float* tile,
                                                     Stages& asking) {
  Vf acc[R][2] = {};
  __m512 turned[keys_of_eight];
  std::size_t e = 0;
  for (; e + In::key_numbers <= size; e += In::key_numbers, queries += width) {
    lines_of_eight<false>(in, keys + e, size, size - e, asking, turned);
    add_eight<R, In>(queries, query_stride, turned, acc);
  }
  if (e < size) {
    lines_of_eight<true>(in, keys + e, size, size - e, asking, turned);
    add_eight<R, In>(queries, query_stride, turned, acc);
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < R; r += 2) {
    const std::size_t other = r + 1 < R ? r + 1 : r;
    const auto sums =
        reinterpret_cast<__m512>(in.stored(reinterpret_cast<Vf>(sum_fours(acc[r], acc[other]))));
    _mm256_storeu_ps(tile + r * few_tile_stride, _mm512_castps512_ps256(sums));
    if (other != r)
      _mm256_storeu_ps(tile + other * few_tile_stride, _mm512_extractf32x8_ps(sums, 1));
  }
}

}  // namespace
