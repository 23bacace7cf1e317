// Layouts (sign, exponent, mantissa; bias; specials), from IEEE 754, the OCP 8-bit and microscaling
// specifications and ONNX's own pages on float8 and float4:
//   float16 1-5-10 bias 15, bfloat16 1-8-7 bias 127: IEEE specials. float8e5m2 1-5-2 bias 15: IEEE
//   specials. float8e4m3fn 1-4-3 bias 7: no infinity, NaN is all ones. e4m3fnuz bias 8 and e5m2fnuz
//   bias 16: no infinity, no negative zero, NaN is 0x80. float8e8m0: no sign, no mantissa,
//   2^(e-127), NaN is 0xff. float4e2m1 1-2-1 bias 1: no specials.
#include "small_float.h"

#include <cmath>
#include <limits>

namespace onnxpack::tensor {
namespace {

enum class Specials { ieee, all_ones, negative_zero, none };

struct Layout {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  Specials specials;
};

Layout layout_of(ElementType type) {
  switch (type) {
    case ElementType::float16:
      return {5, 10, 15, Specials::ieee};
    case ElementType::bfloat16:
      return {8, 7, 127, Specials::ieee};
    case ElementType::float8e4m3fn:
      return {4, 3, 7, Specials::all_ones};
    case ElementType::float8e4m3fnuz:
      return {4, 3, 8, Specials::negative_zero};
    case ElementType::float8e5m2:
      return {5, 2, 15, Specials::ieee};
    case ElementType::float8e5m2fnuz:
      return {5, 2, 16, Specials::negative_zero};
    default:
      return {2, 1, 1, Specials::none};  // float4e2m1
  }
}

double widen_by(const Layout& layout, unsigned bits) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const unsigned mantissa = bits & ((1U << layout.mantissa_bits) - 1U);
  const unsigned exponent_ones = (1U << layout.exponent_bits) - 1U;
  const unsigned exponent = (bits >> layout.mantissa_bits) & exponent_ones;
  const unsigned sign_bit = 1U << (layout.mantissa_bits + layout.exponent_bits);
  const bool negative = (bits & sign_bit) != 0;

  if (layout.specials == Specials::negative_zero && bits == sign_bit) return nan;
  if (layout.specials == Specials::all_ones && (bits & (sign_bit - 1U)) == sign_bit - 1U)
    return nan;
  if (layout.specials == Specials::ieee && exponent == exponent_ones) {
    if (mantissa != 0) return nan;
    return negative ? -std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::infinity();
  }
  const unsigned hidden = exponent == 0 ? 0U : 1U << layout.mantissa_bits;
  const int power =
      (exponent == 0 ? 1 : static_cast<int>(exponent)) - layout.bias - layout.mantissa_bits;
  const double magnitude = std::ldexp(static_cast<double>(hidden | mantissa), power);
  return negative ? -magnitude : magnitude;
}

}  // namespace

double widen(ElementType type, std::uint16_t bits) {
  if (type == ElementType::float8e8m0) {
    if (bits == 0xff) return std::numeric_limits<double>::quiet_NaN();
    return std::ldexp(1.0, static_cast<int>(bits) - 127);
  }
  return widen_by(layout_of(type), bits);
}

}  // namespace onnxpack::tensor
