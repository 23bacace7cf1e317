// bf16 in pairs, whose products AVX-512 BF16 sums in f32: how numbers of rows become pairs, keys
// times the root of the scale, two rows of V beside each other. The instruction takes denormals for
// 0, and gives none.
#pragma once

#include <bit>

#include "flex_attention/tile_products.h"

namespace {

using onnxpack::kernels::flex::few_tile_stride;
using onnxpack::kernels::flex::KeyScale;

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

// 32 numbers times a factor: first those at even places, then those at odd ones, which are a shift
// and a mask away from f32. A product of rows does not mind, if all come from here.
struct ScaledPairs {
  __m512 by;
  __m512i upper = _mm512_set1_epi32(static_cast<std::int32_t>(0xFFFF0000U));
  explicit ScaledPairs(float factor) : by(_mm512_set1_ps(factor)) {}
  __m512i operator()(__m512i both) const {
    const __m512 even = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), by);
    const __m512 odd = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(both, upper)), by);
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  }
  __m512i in_order(__m512i both) const {
    return _mm512_permutexvar_epi16(_mm512_load_si512(half_turns.order), (*this)(both));
  }
};

// For a few queries the same in registers.
struct FewPairs : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t rows_together = 2;
  static constexpr std::size_t value_bytes = 64;
  static constexpr std::size_t most_in_order = 4;
  __m512i lower = _mm512_load_si512(lower_turns.order);
  __m512i upper = _mm512_load_si512(upper_turns.order);
  template <std::size_t N>
  void values(const std::uint16_t* row, std::size_t stride, std::size_t rows, std::size_t part,
              Vf (&line)[N]) const {
    if constexpr (N == 1) {
      const __mmask32 mask = first_of(part);
      const __m512i a = _mm512_maskz_loadu_epi16(mask, row);
      const __m512i b = _mm512_maskz_loadu_epi16(rows > 1 ? mask : 0, row + stride);
      line[0] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, lower, b));
    } else {
#pragma GCC unroll 8
      for (std::size_t n = 0; n < N; n += 2) {
        const __m512i a = _mm512_loadu_si512(row + n * 16);
        const __m512i b =
            rows > 1 ? _mm512_loadu_si512(row + stride + n * 16) : _mm512_setzero_si512();
        line[n] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, lower, b));
        line[n + 1] = reinterpret_cast<Vf>(_mm512_permutex2var_epi16(a, upper, b));
      }
    }
  }
  static const float* weights(const float* tile, std::size_t rows, std::size_t count, float* room) {
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t k = 0; k < rows; k += 32) {
        const float* at = tile + r * few_tile_stride + k;
        _mm512_storeu_si512(room + r * few_tile_stride / 2 + k / 2,
                            reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(at + 16),
                                                                          _mm512_loadu_ps(at))));
      }
    }
    return room;
  }
};

// Keys times the factor, whatever they are.
struct ScaledKeys : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t key_numbers = 32;
  static constexpr std::size_t key_bytes = 64;
  static constexpr bool by_eight = false;
  static constexpr std::size_t most_in_order = 4;
  ScaledPairs scaled;
  float unscale;  // queries come times the power that KeyScale's steps leave out
  explicit ScaledKeys(const KeyScale& scale) : scaled(scale.factor), unscale(1.0F / scale.power) {}
  ScaledKeys any() const { return *this; }
  static constexpr bool certain() { return true; }
  Vf key(const std::uint16_t* at) const {
    return reinterpret_cast<Vf>(scaled.in_order(_mm512_loadu_si512(at)));
  }
  Vf key_part(const std::uint16_t* at, std::size_t count) const {
    return reinterpret_cast<Vf>(scaled.in_order(_mm512_maskz_loadu_epi16(first_of(count), at)));
  }
  Vf stored(Vf score) const { return Pairs::stored(score * unscale); }
};

// Keys by KeyScale's steps.
struct SteppedKeys : Pairs {
  using Number = std::uint16_t;
  static constexpr std::size_t key_numbers = 32;
  static constexpr std::size_t key_bytes = 64;
  static constexpr bool by_eight = true;
  static constexpr std::size_t most_in_order = 4;
  explicit SteppedKeys(const KeyScale& scale)
      : low_steps(_mm512_load_si512(scale.steps.data())),
        high_steps(_mm512_load_si512(scale.steps.data() + 64)),
        by(&scale) {}
  // Made when it is asked for, which is seldom.
  ScaledKeys any() const { return ScaledKeys(*by); }
  Vf key(const std::uint16_t* at) const { return stepped(_mm512_loadu_si512(at)); }
  Vf key_part(const std::uint16_t* at, std::size_t count) const {
    return stepped(_mm512_maskz_loadu_epi16(first_of(count), at));
  }
  // Whether all keys so far were such as the steps are for.
  bool certain() const {
    const __m512i least = _mm512_set1_epi16(static_cast<short>(2 * KeyScale::first_uncertain));
    return _mm512_cmpge_epu16_mask(largest, least) == 0;
  }

 private:
  // The table is indexed by the low 7 bits of each byte, which of a number's lower byte are its
  // mantissa.
  Vf stepped(__m512i x) const {
    constexpr __mmask64 lower_bytes = 0x5555555555555555;
    largest = _mm512_max_epu16(largest, _mm512_add_epi16(x, x));
    const __m512i step = _mm512_maskz_permutex2var_epi8(lower_bytes, low_steps, x, high_steps);
    return reinterpret_cast<Vf>(_mm512_add_epi16(x, step));
  }

  __m512i low_steps, high_steps;
  // As bits without the sign and times 2.
  mutable __m512i largest = _mm512_setzero_si512();
  const KeyScale* by;
};

}  // namespace
