// K of bf16 times the root of the scale, rounded to bf16 again as the operator's body does, by
// integers.
//
// A product of two bf16, rounded, has a mantissa that depends on the two mantissas alone. So for a
// normal x whose product is finite, bits(round(x * m)) = bits(x) + steps[low 7 bits of x], where m
// is the factor's mantissa, in [1, 2): as exponent and mantissa lie side by side, a carry moves the
// exponent. That is two instructions for 32 numbers where shifts, products and conversions take
// six and the pipes that the dot products want. The factor's power of two is left to the query.
//
// steps[0] is below 128, so 0 becomes a denormal, which counts as 0; denormals become something
// below 2^-125. Infinities, NaN, and what overflows must be kept away: all of them have
// bits & 0x7FFF >= first_uncertain.
#pragma once

#include <array>
#include <cstdint>

namespace onnxpack::kernels::flex {

struct KeyScale {
  KeyScale() = default;
  explicit KeyScale(float factor);

  static constexpr std::uint16_t first_uncertain = 0x7F00;

  float factor = 1.0F;
  // Whether `steps` and `power` are set: the factor is positive, normal and a bf16.
  bool by_steps = false;
  float power = 1.0F;
  alignas(64) std::array<std::uint8_t, 128> steps{};
};

}  // namespace onnxpack::kernels::flex
