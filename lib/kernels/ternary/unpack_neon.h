// Codes of a panel's 80 rows, 64 columns at a time, for the prefill kernels of NEON, which differ
// in how they lay out a panel. In an unnamed namespace, see dot_tiles.h.
#pragma once

#include "ternary/vector_neon.h"

namespace onnxpack::kernels::ternary {
namespace {

using PanelRows = std::uint8_t[panel_rows][64];

inline void codes_t5r(const UnpackJob& job, std::size_t k, PanelRows& rows) {
  const T5rDigits digits;
  for (std::size_t g = 0; g < panel_rows / 5; ++g)
    for (std::size_t c = 0; c < 64; c += 16) {
      uint8x16_t rest = vdupq_n_u8(121);
      if (g < job.groups) rest = vld1q_u8(job.bytes + g * job.stride + k + c);
#pragma GCC unroll 4
      for (std::size_t r = 4; r > 0; --r) {
        const int8x16_t minus = V128::s8(digits.take(rest, r));
        vst1q_u8(rows[5 * g + r] + c, vreinterpretq_u8_s8(vnegq_s8(minus)));
      }
      vst1q_u8(rows[5 * g] + c, rest);
    }
}

// The four fields of a byte.
inline uint8x16x4_t fields_u2(uint8x16_t w) {
  const uint8x16_t mask = vdupq_n_u8(3);
  return {{vandq_u8(w, mask), vandq_u8(vshrq_n_u8(w, 2), mask), vandq_u8(vshrq_n_u8(w, 4), mask),
           vshrq_n_u8(w, 6)}};
}

inline void codes_u2r(const UnpackJob& job, std::size_t k, PanelRows& rows) {
  for (std::size_t g = 0; g < panel_rows / 4; ++g)
    for (std::size_t c = 0; c < 64; c += 16) {
      uint8x16_t w = vdupq_n_u8(0x55);
      if (g < job.groups) w = vld1q_u8(job.bytes + g * job.stride + k + c);
      const uint8x16x4_t codes = fields_u2(w);
      for (std::size_t r = 0; r < 4; ++r) vst1q_u8(rows[4 * g + r] + c, codes.val[r]);
    }
}

// Sixteen bytes are 64 codes in order, which the interleaving store puts there.
inline void codes_u2(const UnpackJob& job, std::size_t k, PanelRows& rows) {
  const std::size_t left = job.stride - k / 4;
  for (std::size_t r = 0; r < panel_rows; ++r) {
    uint8x16_t w = vdupq_n_u8(0x55);
    if (r < job.groups) {
      const std::uint8_t* bytes = job.bytes + r * job.stride + k / 4;
      w = left >= 16 ? vld1q_u8(bytes) : V128::u8(V128::load_part(bytes, left));
    }
    vst4q_u8(rows[r], fields_u2(w));
  }
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
