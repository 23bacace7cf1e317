// The loops for a few queries and many keys (decode): each query and each output is a row of its
// own, a row of K or V is read once for all of them, and memory is what bounds the speed. Products
// as in tile_products.h.
#pragma once

#include "flex_attention/tile_products.h"

namespace {

using onnxpack::kernels::flex::most_few;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t few_sums = 24;
constexpr std::size_t few_scores_at_once = 16;
#else
constexpr std::size_t few_sums = 10;
constexpr std::size_t few_scores_at_once = 8;
#endif
// How far ahead of its use memory is asked for, beyond what the hardware sees by itself.
constexpr std::size_t fetch_distance = 8192;

inline Vf load_part(const float* from, std::size_t count) {
  Vf out{};
  std::memcpy(&out, from, count * sizeof(float));
  return out;
}

inline void fetch_row(const float* row, std::size_t size) {
  const char* at = reinterpret_cast<const char*>(row) + fetch_distance;
  for (std::size_t byte = 0; byte < size * sizeof(float); byte += 64) __builtin_prefetch(at + byte);
}

// The sums of the lanes of 8 vectors.
inline void sums_of_8(const Vf (&x)[8], float* to) {
#if defined(__AVX512F__)
  __m512 pairs[4];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    const auto a = reinterpret_cast<__m512>(x[2 * i]);
    const auto b = reinterpret_cast<__m512>(x[2 * i + 1]);
    pairs[i] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  // Of each quarter of a vector now the sums of four.
  __m512 fours[2];
#pragma GCC unroll 2
  for (std::size_t i = 0; i < 2; ++i) {
    const __m512d a = _mm512_castps_pd(pairs[2 * i]);
    const __m512d b = _mm512_castps_pd(pairs[2 * i + 1]);
    fours[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                             _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  const __m512 halves = _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x44),
                                      _mm512_shuffle_f32x4(fours[0], fours[1], 0xEE));
  const __m512 all = _mm512_add_ps(halves, _mm512_shuffle_f32x4(halves, halves, 0xB1));
  _mm256_storeu_ps(to, _mm512_castps512_ps256(_mm512_shuffle_f32x4(all, all, 0x08)));
#else
  for (std::size_t i = 0; i < 8; ++i) to[i] = lanes_sum(x[i]);
#endif
}

// K keys by R queries; queries are padded by zeros to whole vectors, `query_stride` apart.
template <typename Of, std::size_t K, std::size_t R>
inline void few_scores_block(const float* queries, std::size_t query_stride, const float* keys,
                             std::size_t stride, std::size_t size, std::size_t lanes, float* tile) {
  constexpr std::size_t groups = (K * R + 7) / 8;
  Vf acc[groups][8] = {};
#pragma GCC unroll 8
  for (std::size_t k = 0; Of::in_place && k < K; ++k) fetch_row(keys + k * stride, size);
  std::size_t e = 0;
  for (; e + width <= size; e += width) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < K; ++k) {
      const Vf key = load(keys + k * stride + e);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) {
        Vf& sum = acc[(k * R + r) / 8][(k * R + r) % 8];
        sum = Of::add(sum, load(queries + r * query_stride + e), key);
      }
    }
  }
  if (e < size) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < K; ++k) {
      const Vf key = load_part(keys + k * stride + e, size - e);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) {
        Vf& sum = acc[(k * R + r) / 8][(k * R + r) % 8];
        sum = Of::add(sum, load(queries + r * query_stride + e), key);
      }
    }
  }
  alignas(64) float sums[16] = {};
#pragma GCC unroll 2
  for (std::size_t i = 0; i < groups; ++i) sums_of_8(acc[i], sums + 8 * i);
  for (std::size_t i = 0; i < 8 * groups; i += width) store(sums + i, Of::stored(load(sums + i)));
#pragma GCC unroll 8
  for (std::size_t k = 0; k < K; ++k)
    std::memcpy(tile + k * lanes, sums + k * R, R * sizeof(float));
}

template <typename Of, std::size_t R>
void few_scores_of(const float* queries, std::size_t query_stride, const float* keys,
                   std::size_t stride, std::size_t rows, std::size_t size, std::size_t lanes,
                   float* tile) {
  constexpr std::size_t keys_at_once = few_scores_at_once / R < 8 ? few_scores_at_once / R : 8;
  std::size_t k = 0;
  for (; k + keys_at_once <= rows; k += keys_at_once) {
    few_scores_block<Of, keys_at_once, R>(queries, query_stride, keys + k * stride, stride, size,
                                          lanes, tile + k * lanes);
  }
  for (; k < rows; ++k)
    few_scores_block<Of, 1, R>(queries, query_stride, keys + k * stride, stride, size, lanes,
                               tile + k * lanes);
}

// N vectors of each of R outputs, `out_stride` apart, the last vector of `part` floats.
template <typename Of, std::size_t N, std::size_t R>
inline void few_weigh_block(const float* tile, std::size_t rows, const float* values,
                            std::size_t stride, std::size_t part, std::size_t lanes,
                            const float* factor, float* out, std::size_t out_stride, bool first) {
  Vf acc[N][R];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      acc[n][r] = load(out + r * out_stride + n * width) * factor[r];
  }
  for (std::size_t k = 0; k < rows; ++k) {
    const float* row = values + k * stride;
    if (Of::in_place && first) fetch_row(row, stride);
    Vf line[N];
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n)
      line[n] =
          n + 1 < N || part == width ? load(row + n * width) : load_part(row + n * width, part);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const Vf weight = splat(tile[k * lanes + r]);
#pragma GCC unroll 8
      for (std::size_t n = 0; n < N; ++n) acc[n][r] = Of::add(acc[n][r], weight, line[n]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n) store(out + r * out_stride + n * width, acc[n][r]);
  }
}

// From `e` on as long as N vectors fit, then with half as many.
template <typename Of, std::size_t N, std::size_t R>
void few_weigh_from(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                    std::size_t size, std::size_t lanes, const float* factor, float* out,
                    std::size_t out_stride, std::size_t e) {
  for (; e + N * width <= size; e += N * width)
    few_weigh_block<Of, N, R>(tile, rows, values + e, stride, width, lanes, factor, out + e,
                              out_stride, e == 0);
  if constexpr (N > 1) {
    few_weigh_from<Of, N / 2, R>(tile, rows, values, stride, size, lanes, factor, out, out_stride,
                                 e);
  } else if (e < size) {
    few_weigh_block<Of, 1, R>(tile, rows, values + e, stride, size - e, lanes, factor, out + e,
                              out_stride, e == 0);
  }
}

template <typename Of, std::size_t R>
void few_weigh_of(const float* tile, std::size_t rows, const float* values, std::size_t stride,
                  std::size_t size, std::size_t lanes, const float* factor, float* out,
                  std::size_t out_stride) {
  constexpr std::size_t fits = few_sums / R;
  constexpr std::size_t at_once = fits >= 8 ? 8 : fits >= 4 ? 4 : fits >= 2 ? 2 : 1;
  few_weigh_from<Of, at_once, R>(tile, rows, values, stride, size, lanes, factor, out, out_stride,
                                 0);
}

// Calls run<R>() for the `count` of queries there are.
template <typename Run>
inline void for_count(std::size_t count, Run&& run) {
  static_assert(most_few == 8);
  switch (count) {
    case 1:
      return run.template operator()<1>();
    case 2:
      return run.template operator()<2>();
    case 3:
      return run.template operator()<3>();
    case 4:
      return run.template operator()<4>();
    case 5:
      return run.template operator()<5>();
    case 6:
      return run.template operator()<6>();
    case 7:
      return run.template operator()<7>();
    default:
      return run.template operator()<8>();
  }
}

template <typename Of>
void few_scores(const float* queries, std::size_t query_stride, std::size_t count,
                const float* keys, std::size_t stride, std::size_t rows, std::size_t size,
                std::size_t lanes, float* tile) {
  for_count(count, [&]<std::size_t R>() {
    few_scores_of<Of, R>(queries, query_stride, keys, stride, rows, size, lanes, tile);
  });
}

template <typename Of>
void few_weigh(const float* tile, std::size_t rows, const float* values, std::size_t stride,
               std::size_t size, std::size_t count, std::size_t lanes, const float* factor,
               float* out, std::size_t out_stride) {
  for_count(count, [&]<std::size_t R>() {
    few_weigh_of<Of, R>(tile, rows, values, stride, size, lanes, factor, out, out_stride);
  });
}

}  // namespace
