#include "flex_attention/key_scale.h"

#include <bit>
#include <cmath>

#include "flex_attention/half.h"

namespace onnxpack::kernels::flex {

KeyScale::KeyScale(float by) : factor(by) {
  if (std::fpclassify(by) != FP_NORMAL || by < 0) return;
  if (bfloat_to_float(float_to_bfloat(by)) != by) return;
  int exponent = 0;
  const float mantissa = 2.0F * std::frexp(by, &exponent);
  const std::uint16_t one = float_to_bfloat(1.0F);
  for (std::uint16_t low = 0; low < steps.size(); ++low) {
    const auto bits = static_cast<std::uint16_t>(one + low);
    const std::uint16_t product = float_to_bfloat(bfloat_to_float(bits) * mantissa);
    steps[low] = static_cast<std::uint8_t>(product - bits);
  }
  power = std::ldexp(1.0F, exponent - 1);
  by_steps = true;
}

}  // namespace onnxpack::kernels::flex
