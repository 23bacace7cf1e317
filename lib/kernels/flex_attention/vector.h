// Vectors of floats for the file that includes this, as wide as its instruction set, and the
// functions on them. Everything is in an unnamed namespace: each instruction set's file has its own
// copy, so that no linker may pick one that the CPU cannot run.
//
// Errors, in units in the last place, over all floats (tests/unit/kernels/flex_math_test.cc):
// exp 1.5, tanh 3, sigmoid 3, erf 4, log 2. Results below 2^-126 are 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr std::size_t width = 16;
#elif defined(__AVX2__)
constexpr std::size_t width = 8;
#else
constexpr std::size_t width = 4;
#endif

typedef float Vf __attribute__((vector_size(width * 4), may_alias));
typedef std::int32_t Vi __attribute__((vector_size(width * 4), may_alias));

inline Vf load(const float* from) {
  Vf out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
inline void store(float* to, Vf value) {
  std::memcpy(to, &value, sizeof value);
}
inline Vf splat(float value) {
  return value - Vf{};
}
inline Vf choose(Vi condition, Vf yes, Vf no) {
  return condition ? yes : no;
}

// The larger; `second` when either is NaN, which is what the instruction does.
inline Vf larger(Vf first, Vf second) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vf>(
      _mm512_max_ps(reinterpret_cast<__m512>(first), reinterpret_cast<__m512>(second)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vf>(
      _mm256_max_ps(reinterpret_cast<__m256>(first), reinterpret_cast<__m256>(second)));
#else
  return first > second ? first : second;
#endif
}
inline Vf smaller(Vf first, Vf second) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vf>(
      _mm512_min_ps(reinterpret_cast<__m512>(first), reinterpret_cast<__m512>(second)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vf>(
      _mm256_min_ps(reinterpret_cast<__m256>(first), reinterpret_cast<__m256>(second)));
#else
  return first < second ? first : second;
#endif
}

// p * 2^n for whole n from -127 to 128.
inline Vf times_power(Vf p, Vf n) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vf>(
      _mm512_scalef_ps(reinterpret_cast<__m512>(p), reinterpret_cast<__m512>(n)));
#else
  // In two steps, so that 2^128 and 2^-127 need not exist.
  const Vi whole = __builtin_convertvector(n, Vi);
  const Vi half = whole >> 1;
  const Vi first = (half + 127) << 23;
  const Vi second = (whole - half + 127) << 23;
  return p * reinterpret_cast<Vf>(first) * reinterpret_cast<Vf>(second);
#endif
}

// e^x = 2^n e^r with r in [-ln2/2, ln2/2]; the polynomial is a least-squares fit of relative error
// there.
inline Vf exponential(Vf x) {
  const Vf low = splat(-87.4F);
  const Vf high = splat(88.8F);
  const Vi tiny = x < low;
  // NaN is the second operand, which is what comes back.
  x = larger(low, smaller(high, x));
  constexpr float magic =
      12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest whole number in the last bits
  const Vf n = (x * 1.44269504088896341F + magic) - magic;
  Vf r = x - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  Vf p = splat(1.3888889e-3F);
  p = p * r + 8.3333333e-3F;
  p = p * r + 4.1666668e-2F;
  p = p * r + 1.6666667e-1F;
  p = p * r + 0.5F;
  p = p * r * r + r + 1.0F;
  return choose(tiny, Vf{}, times_power(p, n));
}

inline Vf absolute(Vf x) {
  return reinterpret_cast<Vf>(reinterpret_cast<Vi>(x) & 0x7FFFFFFF);
}
inline Vf with_sign_of(Vf magnitude, Vf sign) {
  return reinterpret_cast<Vf>(
      reinterpret_cast<Vi>(magnitude) |
      (reinterpret_cast<Vi>(sign) & static_cast<std::int32_t>(0x80000000U)));
}

// Below 0.625 an odd polynomial, above 1 - 2 / (e^2x + 1).
inline Vf hyperbolic_tangent(Vf x) {
  const Vf magnitude = absolute(x);
  const Vf square = x * x;
  Vf p = splat(-5.70498872745E-3F);
  p = p * square + 2.06390887954E-2F;
  p = p * square + -5.37397155531E-2F;
  p = p * square + 1.33314422036E-1F;
  p = p * square + -3.33332819422E-1F;
  const Vf small = p * square * x + x;
  const Vf bounded = smaller(splat(9.1F), magnitude);
  const Vf grown = exponential(bounded * 2.0F);
  const Vf large = with_sign_of(1.0F - 2.0F / (grown + 1.0F), x);
  return choose(magnitude < 0.625F, small, large);
}

inline Vf sigmoid(Vf x) {
  return 1.0F / (1.0F + exponential(-x));
}

}  // namespace
