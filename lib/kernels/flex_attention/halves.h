// The two 16-bit floats in vectors: to f32, and f32 to the nearest of them. As half.h, but for
// which NaN comes of a NaN.
#pragma once

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "flex_attention/half.h"
#include "flex_attention/vector.h"
#include "flex_attention/vm.h"

namespace {

typedef std::uint16_t Vh __attribute__((vector_size(width * 2), may_alias));
typedef std::uint32_t Vu __attribute__((vector_size(width * 4), may_alias));

inline Vf from_bfloats(Vh bits) {
  return reinterpret_cast<Vf>(__builtin_convertvector(bits, Vu) << 16);
}
inline Vf rounded_to_bfloat(Vf x) {
  const Vu bits = reinterpret_cast<Vu>(x);
  const Vu nearest = bits + 0x7FFFU + ((bits >> 16) & 1U);
  const Vu quiet = bits | 0x400000U;
  return reinterpret_cast<Vf>((x == x ? nearest : quiet) & 0xFFFF0000U);
}

inline Vf from_halves(Vh bits) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vf>(_mm512_cvtph_ps(reinterpret_cast<__m256i>(bits)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vf>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(bits)));
#elif defined(__aarch64__)
  return reinterpret_cast<Vf>(vcvt_f32_f16(reinterpret_cast<float16x4_t>(bits)));
#else
  Vf out;
  for (std::size_t i = 0; i < width; ++i) out[i] = onnxpack::kernels::flex::half_to_float(bits[i]);
  return out;
#endif
}
inline Vf rounded_to_half(Vf x) {
#if defined(__AVX512F__)
  return from_halves(reinterpret_cast<Vh>(
      _mm512_cvtps_ph(reinterpret_cast<__m512>(x), _MM_FROUND_TO_NEAREST_INT)));
#elif defined(__AVX2__)
  return from_halves(reinterpret_cast<Vh>(
      _mm256_cvtps_ph(reinterpret_cast<__m256>(x), _MM_FROUND_TO_NEAREST_INT)));
#elif defined(__aarch64__)
  return from_halves(reinterpret_cast<Vh>(vcvt_f16_f32(reinterpret_cast<float32x4_t>(x))));
#else
  Vh out;
  for (std::size_t i = 0; i < width; ++i) out[i] = onnxpack::kernels::flex::float_to_half(x[i]);
  return from_halves(out);
#endif
}

// `type` is f16 or bf16.
template <onnxpack::kernels::flex::Type type>
struct Halves {
  static constexpr bool is_f16 = type == onnxpack::kernels::flex::Type::f16;
  static Vf wide(const std::uint16_t* from) {
    Vh bits;
    std::memcpy(&bits, from, sizeof bits);
    return is_f16 ? from_halves(bits) : from_bfloats(bits);
  }
  // Of `count` numbers, the others 0.
  static Vf wide_part(const std::uint16_t* from, std::size_t count) {
    std::uint16_t part[width] = {};
    std::memcpy(part, from, count * sizeof *from);
    return wide(part);
  }
  static Vf rounded(Vf x) { return is_f16 ? rounded_to_half(x) : rounded_to_bfloat(x); }
};

}  // namespace
