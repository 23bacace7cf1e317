#include <arm_neon.h>

#include "ternary/rows_plain.h"

namespace onnxpack::kernels::ternary {

float peak_neon(const float* x, std::size_t columns) {
  const uint32x4_t magnitude = vdupq_n_u32(0x7FFFFFFFU);
  uint32x4_t even = vdupq_n_u32(0);
  uint32x4_t odd = vdupq_n_u32(0);
  std::size_t k = 0;
  for (; k + 8 <= columns; k += 8) {
    even = vmaxq_u32(even, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + k)), magnitude));
    odd = vmaxq_u32(odd, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + k + 4)), magnitude));
  }
  const std::uint32_t most = vmaxvq_u32(vmaxq_u32(even, odd));
  const std::uint32_t rest = peak_bits(x + k, columns - k);
  return magnitude_of(rest > most ? rest : most);
}

std::int32_t quantize_neon(const float* x, std::size_t columns, float factor, std::int8_t* q) {
  const float32x4_t most = vdupq_n_f32(127.0F);
  const float32x4_t least = vdupq_n_f32(-128.0F);
  int32x4_t sum = vdupq_n_s32(0);
  std::size_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    int32x4_t whole[4];
    for (std::size_t i = 0; i < 4; ++i) {
      // The number where the other is none.
      float32x4_t value = vminnmq_f32(vmulq_n_f32(vld1q_f32(x + k + 4 * i), factor), most);
      value = vmaxnmq_f32(value, least);
      whole[i] = vcvtnq_s32_f32(value);
      sum = vaddq_s32(sum, whole[i]);
    }
    const int16x8_t low = vcombine_s16(vmovn_s32(whole[0]), vmovn_s32(whole[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(whole[2]), vmovn_s32(whole[3]));
    vst1q_s8(q + k, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  return vaddvq_s32(sum) + quantize_plain(x + k, columns - k, factor, q + k);
}

void to_planes_neon(const std::int8_t* q, std::size_t columns, std::size_t plane,
                    std::int8_t* planes) {
  std::size_t k = 0;
  for (; k + 64 <= columns; k += 64) {
    const int8x16x4_t sorted = vld4q_s8(q + k);
    for (std::size_t p = 0; p < 4; ++p) vst1q_s8(planes + p * plane + k / 4, sorted.val[p]);
  }
  to_planes_plain(q, k, columns, plane, planes);
}

}  // namespace onnxpack::kernels::ternary
