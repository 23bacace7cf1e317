#include <arm_neon.h>

#include "ternary/float_dot.h"

namespace onnxpack::kernels::ternary {

float float_dot_neon(const float* x, const std::int8_t* trits, std::size_t columns) {
  float32x4_t sums[4] = {};
  std::size_t k = 0;
  for (; k + float_lanes <= columns; k += float_lanes) {
    const int8x16_t bytes = vld1q_s8(trits + k);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
    const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
    const int32x4_t wide[4] = {vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)),
                               vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))};
    for (std::size_t i = 0; i < 4; ++i)
      sums[i] = vfmaq_f32(sums[i], vld1q_f32(x + k + 4 * i), vcvtq_f32_s32(wide[i]));
  }
  float lane[float_lanes];
  for (std::size_t i = 0; i < 4; ++i) vst1q_f32(lane + 4 * i, sums[i]);
  return finish_lanes(lane, x, trits, k, columns);
}

}  // namespace onnxpack::kernels::ternary
