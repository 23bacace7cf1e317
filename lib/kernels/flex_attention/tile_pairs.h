// Products of pairs of bf16 that are summed in f32, by AVX-512 BF16. The instruction takes
// denormals for 0, and gives none.
#pragma once

#include <bit>

#include "flex_attention/tile_few.h"

namespace {

struct Pairs {
  static Vf add(Vf sum, Vf a, Vf b) {
    return reinterpret_cast<Vf>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                 reinterpret_cast<__m512bh>(a),
                                                 reinterpret_cast<__m512bh>(b)));
  }
  // Spread as bits: a pair is no number.
  static Vf add(Vf sum, float a, Vf b) {
    return add(sum, reinterpret_cast<Vf>(_mm512_set1_epi32(std::bit_cast<std::int32_t>(a))), b);
  }
  // A score, rounded to bf16.
  static Vf stored(Vf score) {
    const auto half =
        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(score)));
    return reinterpret_cast<Vf>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
};

// bf16 times `factor`, rounded to bf16.
inline __m256i scaled_half(__m256i from, __m512 factor) {
  const __m512 wide = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(from), 16));
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_mul_ps(wide, factor)));
}

void scale_pairs(const void* from, std::size_t rows, std::size_t size, float factor, float* to,
                 std::size_t stride) {
  const __m512 by = _mm512_set1_ps(factor);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto* at = static_cast<const std::uint16_t*>(from) + row * size;
    auto* out = reinterpret_cast<std::uint16_t*>(to + row * stride);
    std::size_t e = 0;
    for (; e + 16 <= size; e += 16)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(out + e),
          scaled_half(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + e)), by));
    // What is beyond the row is 0.
    for (; e < 2 * stride; e += 16) {
      const auto rest = size > e ? static_cast<unsigned>(size - e) : 0U;
      const auto mask = static_cast<__mmask16>((1U << rest) - 1U);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + e),
                          scaled_half(_mm256_maskz_loadu_epi16(mask, at + e), by));
    }
  }
}

// Pairs of one row's and the next row's numbers; the row beyond the last is 0.
void interleave_pairs(const void* from, std::size_t rows, std::size_t size, float* to) {
  for (std::size_t row = 0; row < rows; row += 2) {
    const auto* upper = static_cast<const std::uint16_t*>(from) + row * size;
    const std::uint16_t* lower = row + 1 < rows ? upper + size : upper;
    const __m512i keep = _mm512_set1_epi32(row + 1 < rows ? -1 : 0xFFFF);
    float* out = to + row / 2 * size;
    for (std::size_t e = 0; e < size; e += 16) {
      const std::size_t rest = size - e;
      const auto mask = static_cast<__mmask16>(rest >= 16 ? 0xFFFFU : (1U << rest) - 1U);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, upper + e));
      const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, lower + e));
      const __m512i pair = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
      _mm512_mask_storeu_epi32(out + e, mask, _mm512_and_si512(pair, keep));
    }
  }
}

// Rows of f32 as pairs of rows, rounded to bf16.
void pack_pairs(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                float* to) {
  // The one instruction rounds two vectors to halves of one; this puts them beside each other.
  alignas(64) std::uint16_t order[32];
  for (std::uint16_t i = 0; i < 16; ++i) {
    order[2 * i] = i;
    order[2 * i + 1] = static_cast<std::uint16_t>(16 + i);
  }
  const __m512i places = _mm512_load_si512(order);
  for (std::size_t row = 0; row < rows; row += 2) {
    for (std::size_t lane = 0; lane < count; lane += 16) {
      const float* at = tile + row * lanes + lane;
      const __m512 upper = _mm512_loadu_ps(at);
      const __m512 lower = row + 1 < rows ? _mm512_loadu_ps(at + lanes) : _mm512_setzero_ps();
      const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(lower, upper));
      _mm512_storeu_si512(to + row / 2 * lanes + lane, _mm512_permutexvar_epi16(places, both));
    }
  }
}

constexpr onnxpack::kernels::flex::PairOps pairs = {.products = {.scores = scores<Pairs>,
                                                                 .weigh = weigh<Pairs>,
                                                                 .few_scores = few_scores<Pairs>,
                                                                 .few_weigh = few_weigh<Pairs>},
                                                    .scale = scale_pairs,
                                                    .interleave = interleave_pairs,
                                                    .pack = pack_pairs};

}  // namespace
