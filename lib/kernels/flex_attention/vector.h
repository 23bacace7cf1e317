// Vectors of floats for the file that includes this, as wide as its instruction set, and the
// functions on them. Everything is in an unnamed namespace: each instruction set's file has its own
// copy, so that no linker may pick one that the CPU cannot run.
//
// Errors, in units in the last place, with fused multiply-add
// (tests/unit/kernels/flex_math_test.cc): exp 3, tanh 6, sigmoid 4, the others as the C library's.
// Results of exp below 2^-126 are 0.
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

// 2^t for t <= 0, as the softmax needs it: 3 ulp above 2^-29, where what it adds to still shows a
// term; below 2^-126 it may be 0. Exactly 1 for 0, and 0 for -inf.
inline Vf power_of_two(Vf t) {
#if defined(__AVX512F__)
  // -inf makes p NaN, and a quiet NaN times 2^-inf is 0 to scalef.
  const Vf n = reinterpret_cast<Vf>(_mm512_roundscale_ps(
      reinterpret_cast<__m512>(t), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  const Vf r = t - n;
#else
  t = larger(splat(-150.0F), t);
  constexpr float magic = 12582912.0F;
  const Vf n = (t + magic) - magic;
  const Vf r = t - n;
#endif
  Vf p = splat(0.001326472731307149F);
  p = p * r + 0.009671512991189957F;
  p = p * r + 0.05550733581185341F;
  p = p * r + 0.24022242426872253F;
  p = p * r + 0.6931470036506653F;
  p = p * r + 1.0F;
#if !defined(__AVX512F__)
  p = choose(t < -126.0F, Vf{}, p);
#endif
  return times_power(p, n);
}

// x P(x^2) / Q(x^2), fitted to least relative error on [-8.6, 8.6]. Of 8.15995 it is 1, and of
// nothing below more than that, fused or not, so that results need no bounds of their own; tanh is
// less than 3 ulp below 1 there. More terms of P and fewer of Q would take one step more.
inline Vf hyperbolic_tangent(Vf x) {
  const Vf end = splat(0x1.051e4cp+3F);
  const Vf bounded = larger(-end, smaller(end, x));
  const Vf square = bounded * bounded;
  Vf p = splat(1.40825556e-08F);
  p = p * square + 2.11224415e-05F;
  p = p * square + 0.0035264052F;
  p = p * square + 0.134068787F;
  p = p * square + 1.0F;
  Vf q = splat(8.07067124e-07F);
  q = q * square + 0.000333627628F;
  q = q * square + 0.0259939134F;
  q = q * square + 0.467402011F;
  q = q * square + 1.0F;
  return bounded * p / q;
}

// Sum of the lanes.
inline float lanes_sum(Vf x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(reinterpret_cast<__m512>(x));
#else
  float parts[width];
  store(parts, x);
  for (std::size_t half = width / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) parts[i] += parts[i + half];
  }
  return parts[0];
#endif
}

// The largest of the lanes, of which none is NaN.
inline float lanes_max(Vf x) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps(reinterpret_cast<__m512>(x));
#else
  float parts[width];
  store(parts, x);
  for (std::size_t half = width / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i)
      parts[i] = parts[i] > parts[i + half] ? parts[i] : parts[i + half];
  }
  return parts[0];
#endif
}

#if defined(__AVX512F__)
// rows[j][i] = rows[i][j]; only moves bits.
inline void turn_square(__m512 (&rows)[16]) {
  __m512 mixed[16];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < 8; ++i) {
    mixed[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
    mixed[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
  }
  // fours[4 * i + j]: of each quarter column j of rows 4 * i to 4 * i + 3.
  __m512 fours[16];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
#pragma GCC unroll 2
    for (std::size_t half = 0; half < 2; ++half) {
      const __m512d above = _mm512_castps_pd(mixed[4 * i + half]);
      const __m512d below = _mm512_castps_pd(mixed[4 * i + 2 + half]);
      fours[4 * i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(above, below));
      fours[4 * i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(above, below));
    }
  }
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j) {
    const __m512 a = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x44);
    const __m512 b = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x44);
    const __m512 c = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xEE);
    const __m512 d = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xEE);
    rows[j] = _mm512_shuffle_f32x4(a, b, 0x88);
    rows[4 + j] = _mm512_shuffle_f32x4(a, b, 0xDD);
    rows[8 + j] = _mm512_shuffle_f32x4(c, d, 0x88);
    rows[12 + j] = _mm512_shuffle_f32x4(c, d, 0xDD);
  }
}
#endif

inline Vf sigmoid(Vf x) {
  return 1.0F / (1.0F + exponential(-x));
}

}  // namespace
