#include <immintrin.h>

#include "ternary/float_dot.h"

namespace onnxpack::kernels::ternary {

float float_dot_avx2(const float* x, const std::int8_t* trits, std::size_t columns) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  std::size_t k = 0;
  for (; k + float_lanes <= columns; k += float_lanes) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(trits + k));
    const __m256 first = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    const __m256 second = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
    low = _mm256_fmadd_ps(_mm256_loadu_ps(x + k), first, low);
    high = _mm256_fmadd_ps(_mm256_loadu_ps(x + k + 8), second, high);
  }
  float lane[float_lanes];
  _mm256_storeu_ps(lane, low);
  _mm256_storeu_ps(lane + 8, high);
  return finish_lanes(lane, x, trits, k, columns);
}

}  // namespace onnxpack::kernels::ternary
