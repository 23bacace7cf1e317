#include <immintrin.h>

#include "ternary/float_dot.h"

namespace onnxpack::kernels::ternary {

float float_dot_avx512(const float* x, const std::int8_t* trits, std::size_t columns) {
  __m512 sums = _mm512_setzero_ps();
  std::size_t k = 0;
  for (; k + float_lanes <= columns; k += float_lanes) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(trits + k));
    const __m512 weights = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    sums = _mm512_fmadd_ps(_mm512_loadu_ps(x + k), weights, sums);
  }
  float lane[float_lanes];
  _mm512_storeu_ps(lane, sums);
  return finish_lanes(lane, x, trits, k, columns);
}

}  // namespace onnxpack::kernels::ternary
