#include <immintrin.h>

#include "ternary/rows_plain.h"

namespace onnxpack::kernels::ternary {
namespace {

inline __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

}  // namespace

float peak_avx2(const float* x, std::size_t columns) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  std::size_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    even = _mm256_max_epu32(even, _mm256_and_si256(load(x + k), magnitude));
    odd = _mm256_max_epu32(odd, _mm256_and_si256(load(x + k + 8), magnitude));
  }
  alignas(32) std::uint32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_max_epu32(even, odd));
  std::uint32_t most = peak_bits(x + k, columns - k);
  for (std::uint32_t lane : lanes) most = lane > most ? lane : most;
  return magnitude_of(most);
}

std::int32_t quantize_avx2(const float* x, std::size_t columns, float factor, std::int8_t* q) {
  const __m256 by = _mm256_set1_ps(factor);
  const __m256 most = _mm256_set1_ps(127.0F);
  const __m256 least = _mm256_set1_ps(-128.0F);
  const __m256 magic = _mm256_set1_ps(12582912.0F);  // see rows_plain.h
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i sum = _mm256_setzero_si256();
  std::size_t k = 0;
  for (; k + 32 <= columns; k += 32) {
    __m256i whole[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      // The second operand where the first is no number.
      __m256 value = _mm256_min_ps(_mm256_mul_ps(_mm256_loadu_ps(x + k + 8 * i), by), most);
      value = _mm256_max_ps(value, least);
      whole[i] = _mm256_cvttps_epi32(_mm256_sub_ps(_mm256_add_ps(value, magic), magic));
      sum = _mm256_add_epi32(sum, whole[i]);
    }
    const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]),
                                             _mm256_packs_epi32(whole[2], whole[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + k),
                        _mm256_permutevar8x32_epi32(bytes, order));
  }
  alignas(32) std::int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
  std::int32_t total = quantize_plain(x + k, columns - k, factor, q + k);
  for (std::int32_t lane : lanes) total += lane;
  return total;
}

void to_planes_avx2(const std::int8_t* q, std::size_t columns, std::size_t plane,
                    std::int8_t* planes) {
  const __m256i in_lane = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m256i over_lanes = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  std::size_t k = 0;
  for (; k + 32 <= columns; k += 32) {
    const __m256i grouped = _mm256_shuffle_epi8(load(q + k), in_lane);
    alignas(32) std::int8_t sorted[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sorted),
                       _mm256_permutevar8x32_epi32(grouped, over_lanes));
    for (std::size_t p = 0; p < 4; ++p) std::memcpy(planes + p * plane + k / 4, sorted + 8 * p, 8);
  }
  to_planes_plain(q, k, columns, plane, planes);
}

void scale_blocks_avx2(const ScaleJob& job) {
  scale_blocks_plain(job);
}

}  // namespace onnxpack::kernels::ternary
