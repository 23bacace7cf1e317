// How many sums the loops for a few queries keep in registers, their lanes' sums, and code for as
// many as there are.
#pragma once

#include "flex_attention/tile_ops.h"
#include "flex_attention/vector.h"

namespace {

using onnxpack::kernels::flex::usual_few;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t few_sums = 24;
constexpr std::size_t few_scores_at_once = 16;
#else
constexpr std::size_t few_sums = 10;
constexpr std::size_t few_scores_at_once = 8;
#endif

// to[i] = the sum of the lanes of x[i]; `stored` is applied to it.
template <typename In, std::size_t Count>
inline void lanes_sums(const In& in, const Vf (&x)[Count], float* to) {
#if defined(__AVX512F__)
  static_assert(Count == 8 || Count == 16);
  constexpr std::size_t fours_count = Count / 4;
  __m512 fours[fours_count];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < fours_count; ++i) {
    __m512 twos[2];
#pragma GCC unroll 2
    for (std::size_t j = 0; j < 2; ++j) {
      const auto a = reinterpret_cast<__m512>(x[4 * i + 2 * j]);
      const auto b = reinterpret_cast<__m512>(x[4 * i + 2 * j + 1]);
      twos[j] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    }
    const __m512d a = _mm512_castps_pd(twos[0]);
    const __m512d b = _mm512_castps_pd(twos[1]);
    // Of each quarter of four vectors the sums.
    fours[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                             _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  auto quarters = [](__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  };
  const __m512 low = quarters(fours[0], fours[1]);
  const __m512 high = Count == 16 ? quarters(fours[fours_count - 2], fours[fours_count - 1]) : low;
  store(to, in.stored(reinterpret_cast<Vf>(quarters(low, high))));
#else
  for (std::size_t i = 0; i < Count; ++i) to[i] = lanes_sum(x[i]);
  static_cast<void>(in);
#endif
}

// Calls run<N>() for a count N of 1 to 8 that is known now.
template <typename Run>
inline void for_count(std::size_t count, Run&& run) {
  static_assert(usual_few == 8);
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

}  // namespace
