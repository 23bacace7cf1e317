// Products of pairs of bf16 that are summed in f32, by AVX-512 BF16. The instruction takes
// denormals for 0, and gives none.
#pragma once

#include <bit>

#include "flex_attention/tile_few.h"

namespace {

struct Pairs {
  static constexpr bool in_place = false;
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

// The low 16 bits of 32, or as many as there are.
inline __mmask32 first_of(std::size_t count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << count) - 1;
}

// 32 numbers at a time: first those at even places, then those at odd ones, which are a shift and a
// mask away from f32. A product of rows does not mind, since all come from here.
void scale_pairs(const void* from, std::size_t rows, std::size_t size, float factor, float* to,
                 std::size_t stride) {
  const __m512 by = _mm512_set1_ps(factor);
  const __m512i upper = _mm512_set1_epi32(static_cast<std::int32_t>(0xFFFF0000U));
  for (std::size_t row = 0; row < rows; ++row) {
    const auto* at = static_cast<const std::uint16_t*>(from) + row * size;
    auto* out = reinterpret_cast<std::uint16_t*>(to + row * stride);
    fetch_row(reinterpret_cast<const float*>(at), size / 2);
    for (std::size_t e = 0; e < size; e += 32) {
      const __m512i both = _mm512_maskz_loadu_epi16(first_of(size - e), at + e);
      const __m512 even = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), by);
      const __m512 odd = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(both, upper)), by);
      _mm512_storeu_si512(out + e, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even)));
    }
  }
}

// order[2 * i] = first + i, order[2 * i + 1] = 32 + first + i: halves of two vectors in turns.
struct Turns {
  alignas(64) std::uint16_t order[32];
  constexpr explicit Turns(std::uint16_t first, std::uint16_t other) : order{} {
    for (std::uint16_t i = 0; i < 16; ++i) {
      order[2 * i] = static_cast<std::uint16_t>(first + i);
      order[2 * i + 1] = static_cast<std::uint16_t>(first + other + i);
    }
  }
};
constexpr Turns lower_turns(0, 32), upper_turns(16, 32), half_turns(0, 16);

// Pairs of one row's and the next row's numbers; the row beyond the last is 0.
void interleave_pairs(const void* from, std::size_t rows, std::size_t size, float* to) {
  const __m512i lower = _mm512_load_si512(lower_turns.order);
  const __m512i upper = _mm512_load_si512(upper_turns.order);
  for (std::size_t row = 0; row < rows; row += 2) {
    const auto* one = static_cast<const std::uint16_t*>(from) + row * size;
    const std::uint16_t* two = row + 1 < rows ? one + size : one;
    float* out = to + row / 2 * size;
    fetch_row(reinterpret_cast<const float*>(one), size);
    for (std::size_t e = 0; e < size; e += 32) {
      const __mmask32 mask = first_of(size - e);
      const __m512i a = _mm512_maskz_loadu_epi16(mask, one + e);
      const __m512i b = _mm512_maskz_loadu_epi16(row + 1 < rows ? mask : 0, two + e);
      _mm512_mask_storeu_epi32(out + e, static_cast<__mmask16>(mask),
                               _mm512_permutex2var_epi16(a, lower, b));
      if (size - e > 16)
        _mm512_mask_storeu_epi32(out + e + 16, static_cast<__mmask16>(mask >> 16U),
                                 _mm512_permutex2var_epi16(a, upper, b));
    }
  }
}

// Rows of f32 as pairs of rows, rounded to bf16.
void pack_pairs(const float* tile, std::size_t rows, std::size_t lanes, std::size_t count,
                float* to) {
  // The one instruction rounds two vectors to halves of one; this puts them beside each other.
  const __m512i places = _mm512_load_si512(half_turns.order);
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
