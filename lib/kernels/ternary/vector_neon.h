// NEON with the dot product of signed bytes (sdot) as dot_tiles.h wants it, and ways to digits that
// fit a signed byte. In an unnamed namespace, see there.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ternary/dot_tiles.h"

namespace onnxpack::kernels::ternary {
namespace {

// A register is int32x4_t throughout; the intrinsics' other types are casts that cost nothing.
struct V128 {
  using reg = int32x4_t;
  static constexpr std::size_t bytes = 16;
  static constexpr bool codes_are_signed = true;
  static inline uint8x16_t u8(reg a) { return vreinterpretq_u8_s32(a); }
  static inline int8x16_t s8(reg a) { return vreinterpretq_s8_s32(a); }
  static inline reg of(uint8x16_t a) { return vreinterpretq_s32_u8(a); }
  static inline reg of(int8x16_t a) { return vreinterpretq_s32_s8(a); }

  static inline reg zero() { return vdupq_n_s32(0); }
  static inline reg load(const void* p) {
    return of(vld1q_u8(static_cast<const std::uint8_t*>(p)));
  }
  static inline reg load_part(const std::uint8_t* p, std::size_t n) {
    std::uint8_t part[16] = {};
    for (std::size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static inline reg set8(unsigned byte) { return of(vdupq_n_u8(static_cast<std::uint8_t>(byte))); }
  static inline reg dot(reg acc, reg codes, reg activations) {
    return vdotq_s32(acc, s8(codes), s8(activations));
  }
  static inline reg band(reg a, reg b) { return vandq_s32(a, b); }
  static inline reg top2(reg a) { return of(vshrq_n_u8(u8(a), 6)); }
  static inline reg down4(reg a) { return of(vshrq_n_u8(u8(a), 4)); }
  static inline reg add32(reg a, reg b) { return vaddq_s32(a, b); }
  template <int N>
  static inline reg shift(reg a) {
    if constexpr (N == 0) {
      return a;
    } else {
      return vshrq_n_s32(a, N);
    }
  }
  static inline std::int32_t total(reg a) { return vaddvq_s32(a); }
  static inline void total4(reg a, reg b, reg c, reg d, std::int32_t* out) {
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
  }
  static inline void keep(reg& a) { asm("" : "+w"(a)); }
  static inline void prefetch(const void* p) { __builtin_prefetch(p); }
};

// Digits of five rows, the upper four as their negatives: two comparisons give -digit, which takes
// the digit's part off the byte by one multiply-add and is an operand of the dot product as it is.
// A byte above 242 leaves up to 13 for the lowest row, no more.
struct T5rDigits {
  V128::reg once[4] = {V128::set8(3), V128::set8(9), V128::set8(27), V128::set8(81)};
  V128::reg twice[4] = {V128::set8(6), V128::set8(18), V128::set8(54), V128::set8(162)};

  inline V128::reg take(uint8x16_t& rest, std::size_t row) const {
    const uint8x16_t power = V128::u8(once[row - 1]);
    const uint8x16_t minus =
        vaddq_u8(vcgeq_u8(rest, power), vcgeq_u8(rest, V128::u8(twice[row - 1])));
    rest = vmlaq_u8(rest, minus, power);
    return V128::of(minus);
  }
};

struct T5rByComparison {
  static constexpr std::size_t height = 5;
  T5rDigits digits;
  template <std::size_t M>
  inline void step(V128::reg w, const V128::reg* a, V128::reg (*acc)[5]) const {
    uint8x16_t rest = V128::u8(w);
#pragma GCC unroll 4
    for (std::size_t r = 4; r > 0; --r) {
      const V128::reg minus = digits.take(rest, r);
#pragma GCC unroll 4
      for (std::size_t m = 0; m < M; ++m) acc[m][r] = V128::dot(acc[m][r], minus, a[m]);
    }
#pragma GCC unroll 4
    for (std::size_t m = 0; m < M; ++m) acc[m][0] = V128::dot(acc[m][0], V128::of(rest), a[m]);
  }
  static inline void finish(const V128::reg* acc, std::int32_t sum, std::int32_t* out) {
    out[0] = V128::total(acc[0]) - sum;
    for (std::size_t r = 1; r < 5; ++r) out[r] = -V128::total(acc[r]) - sum;
  }
};

}  // namespace
}  // namespace onnxpack::kernels::ternary
