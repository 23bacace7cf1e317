// The two 16-bit floats, by bits: rounding to nearest, ties to even, from a double in one step.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace onnxpack::kernels::flex {

inline float bfloat_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

// From a float; what a wider value would round to differs where two roundings do, so
// double_to_bfloat goes by round-to-odd.
inline std::uint16_t float_to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

// The float next to `value` towards zero, with its last bit set when inexact: rounding that to a
// type of up to 22 bits gives what rounding `value` itself gives.
inline float to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || value != value || std::isinf(nearest))
    return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) --bits;
  return std::bit_cast<float>(bits | 1U);
}

inline std::uint16_t double_to_bfloat(double value) {
  return float_to_bfloat(to_odd(value));
}

inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 0x1FU;
  const std::uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0x1FU) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13U));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
  return (half & 0x8000U) != 0 ? -magnitude : magnitude;
}

inline std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  auto with_sign = [sign](std::uint32_t rest) {
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(rest));
  };
  if (magnitude > 0x7F800000U) return with_sign(0x7E00U);
  if (magnitude >= 0x47800000U) return with_sign(0x7C00U);  // 65536 and above
  if (magnitude < 0x38800000U) {                            // below 2^-14: steps of 2^-24
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24F;
    return with_sign(static_cast<std::uint32_t>(std::nearbyintf(scaled)));
  }
  // Carries run into the exponent and, from 65520 up, to infinity, as they should.
  return with_sign((magnitude - 0x38000000U + 0xFFFU + ((magnitude >> 13U) & 1U)) >> 13U);
}

inline std::uint16_t double_to_half(double value) {
  return float_to_half(to_odd(value));
}

}  // namespace onnxpack::kernels::flex
