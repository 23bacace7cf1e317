#include <immintrin.h>

#include "ternary/rows_plain.h"

namespace onnxpack::kernels::ternary {

float peak_avx512(const float* x, std::size_t columns) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  __m512i even = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();
  std::size_t k = 0;
  for (; k + 32 <= columns; k += 32) {
    even = _mm512_max_epu32(even, _mm512_and_si512(_mm512_loadu_si512(x + k), magnitude));
    odd = _mm512_max_epu32(odd, _mm512_and_si512(_mm512_loadu_si512(x + k + 16), magnitude));
  }
  const std::uint32_t most = _mm512_reduce_max_epu32(_mm512_max_epu32(even, odd));
  const std::uint32_t rest = peak_bits(x + k, columns - k);
  return magnitude_of(rest > most ? rest : most);
}

std::int32_t quantize_avx512(const float* x, std::size_t columns, float factor, std::int8_t* q) {
  const __m512 by = _mm512_set1_ps(factor);
  const __m512 most = _mm512_set1_ps(127.0F);
  const __m512 least = _mm512_set1_ps(-128.0F);
  __m512i sum = _mm512_setzero_si512();
  std::size_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    // The second operand where the first is no number.
    __m512 value = _mm512_min_ps(_mm512_mul_ps(_mm512_loadu_ps(x + k), by), most);
    value = _mm512_max_ps(value, least);
    const __m512i whole =
        _mm512_cvt_roundps_epi32(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    sum = _mm512_add_epi32(sum, whole);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + k), _mm512_cvtepi32_epi8(whole));
  }
  return _mm512_reduce_add_epi32(sum) + quantize_plain(x + k, columns - k, factor, q + k);
}

void to_planes_avx512(const std::int8_t* q, std::size_t columns, std::size_t plane,
                      std::int8_t* planes) {
  const __m512i in_lane =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m512i over_lanes =
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  std::size_t k = 0;
  for (; k + 64 <= columns; k += 64) {
    const __m512i grouped = _mm512_shuffle_epi8(_mm512_loadu_si512(q + k), in_lane);
    const __m512i sorted = _mm512_permutexvar_epi32(over_lanes, grouped);
    const auto store = [&](std::size_t p, __m128i part) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes + p * plane + k / 4), part);
    };
    store(0, _mm512_castsi512_si128(sorted));
    store(1, _mm512_extracti32x4_epi32(sorted, 1));
    store(2, _mm512_extracti32x4_epi32(sorted, 2));
    store(3, _mm512_extracti32x4_epi32(sorted, 3));
  }
  to_planes_plain(q, k, columns, plane, planes);
}

void scale_blocks_avx512(const ScaleJob& job) {
  scale_blocks_plain(job);
}

}  // namespace onnxpack::kernels::ternary
