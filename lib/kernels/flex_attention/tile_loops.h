// What is done with a tile between the products, for the width of the file that includes this.
#pragma once

#include "flex_attention/half.h"
#include "flex_attention/tile_few.h"
#include "flex_attention/tile_softmax.h"

namespace {

using onnxpack::kernels::flex::Type;

constexpr onnxpack::kernels::flex::ProductOps float_products = {
    .scores = scores<Products>,
    .weigh = weigh<Products>,
    .few_scores = few_scores<FewFloats>,
    .few_weigh = few_weigh<FewFloats>,
    .few_in_order = in_order_of<FewFloats>};

template <Type type>
constexpr onnxpack::kernels::flex::ProductOps few_halves = {
    .few_scores = few_scores<FewHalves<type>>,
    .few_weigh = few_weigh<FewHalves<type>>,
    .few_in_order = in_order_of<FewHalves<type>>};

#if defined(__AVX512F__)
// to[j * to_stride + i] = from[i * from_stride + j] for 16 by 16, times `by` if it is not 1.
inline void transpose_square(const float* from, std::size_t from_stride, float by, float* to,
                             std::size_t to_stride) {
  __m512 rows[16];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 16; ++i) rows[i] = _mm512_loadu_ps(from + i * from_stride);
  if (by != 1.0F) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) rows[i] = _mm512_mul_ps(rows[i], _mm512_set1_ps(by));
  }
  turn_square(rows);
#pragma GCC unroll 16
  for (std::size_t j = 0; j < 16; ++j) _mm512_storeu_ps(to + j * to_stride, rows[j]);
}
#endif

// Squares of 16 by 16 stay in the nearest cache. What is only moved may be pairs, which are no
// numbers.
void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t from_stride,
               float by, float* to, std::size_t to_stride) {
  for (std::size_t column = 0; column < columns; column += 16) {
    const std::size_t end = column + 16 < columns ? column + 16 : columns;
    std::size_t row = 0;
#if defined(__AVX512F__)
    for (; end == column + 16 && row + 16 <= rows; row += 16)
      transpose_square(from + row * from_stride + column, from_stride, by,
                       to + column * to_stride + row, to_stride);
#endif
    for (; row < rows; ++row) {
      for (std::size_t j = column; j < end; ++j) {
        const float* at = from + row * from_stride + j;
        if (by == 1.0F) {
          std::memcpy(to + j * to_stride + row, at, sizeof *at);
        } else {
          to[j * to_stride + row] = by * *at;
        }
      }
    }
  }
}

void divide(float* out, std::size_t size, std::size_t lanes, const float* divisor) {
  for (std::size_t lane = 0; lane < lanes; lane += width) {
    const Vf by = load(divisor + lane);
    for (std::size_t e = 0; e < size; ++e) {
      float* at = out + e * lanes + lane;
      store(at, load(at) / by);
    }
  }
}

template <Type type>
inline void widen_of(const std::uint16_t* from, std::size_t count, float factor, float* to) {
  using Wide = Halves<type>;
  const auto scaled = [&](Vf x) { return factor == 1.0F ? x : Wide::rounded(x * factor); };
  std::size_t i = 0;
  for (; i + width <= count; i += width) store(to + i, scaled(Wide::wide(from + i)));
  if (i == count) return;
  const Vf rest = scaled(Wide::wide_part(from + i, count - i));
  std::memcpy(to + i, &rest, (count - i) * sizeof *to);
}

void widen(const void* from, Type type, std::size_t count, float factor, float* to) {
  const auto* bits = static_cast<const std::uint16_t*>(from);
  if (type == Type::bf16) {
    widen_of<Type::bf16>(bits, count, factor, to);
  } else {
    widen_of<Type::f16>(bits, count, factor, to);
  }
}

// A plain loop of integers for bf16, since the instruction of AVX-512 BF16 gives no denormals.
void narrow(const float* from, Type type, std::size_t count, void* to) {
  namespace flex = onnxpack::kernels::flex;
  auto* halves = static_cast<std::uint16_t*>(to);
  if (type == Type::bf16) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, from + i, sizeof bits);
      const std::uint32_t nearest = bits + 0x7FFFU + ((bits >> 16U) & 1U);
      const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
      halves[i] = static_cast<std::uint16_t>((is_nan ? bits | 0x400000U : nearest) >> 16U);
    }
    return;
  }
  std::size_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    std::memcpy(halves + i, &half, sizeof half);
  }
#endif
  for (; i < count; ++i) halves[i] = flex::float_to_half(from[i]);
}

}  // namespace
