// Prefill with smmla: panels [8 columns][80 rows][8 columns], tiles of four pairs of rows of
// activations by five pairs of rows of weights, 20 sums of 2 x 2.
#include "ternary/unpack_neon.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t vectors = 5;  // of two rows

template <void (*Codes)(const UnpackJob&, std::size_t, PanelRows&)>
void unpack(const UnpackJob& job) {
  PanelRows rows;
  for (std::size_t k = 0; k < job.width; k += 64) {
    Codes(job, k, rows);
    for (std::size_t c = 0; c < 64; c += 8)
      for (std::size_t r = 0; r < panel_rows; ++r)
        vst1_u8(job.panel + (k + c) * panel_rows + r * 8, vld1_u8(rows[r] + c));
  }
}

// Rows m and m + 1, columns k to k + 15; for a last single row, that row twice.
struct Pair {
  int8x16_t low;
  int8x16_t high;
};
inline Pair load_pair(const std::int8_t* first, const std::int8_t* second) {
  const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(first));
  const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(second));
  return {vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))};
}

inline void add(std::int32_t* out, int32x2_t sums) {
  vst1_s32(out, vadd_s32(vld1_s32(out), sums));
}

// P pairs of rows, of which the last one's second row is there or not.
template <std::size_t P>
void tile(const PanelJob& job, std::size_t m, std::size_t row, bool whole) {
  int32x4_t acc[P][vectors] = {};
  const std::int8_t* activations = job.activations + m * job.activation_stride;
  const std::size_t second = whole ? job.activation_stride : 0;
  const std::uint8_t* codes = job.panel + row * 8;
  for (std::size_t k = 0; k < job.width; k += 16, codes += panel_rows * 16) {
    Pair a[P];
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) {
      const std::int8_t* first = activations + 2 * p * job.activation_stride + k;
      a[p] = load_pair(first, first + second);
    }
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v) {
      const int8x16_t low = vreinterpretq_s8_u8(vld1q_u8(codes + 16 * v));
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) acc[p][v] = vmmlaq_s32(acc[p][v], a[p].low, low);
    }
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v) {
      const int8x16_t high = vreinterpretq_s8_u8(vld1q_u8(codes + panel_rows * 8 + 16 * v));
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) acc[p][v] = vmmlaq_s32(acc[p][v], a[p].high, high);
    }
  }
#pragma GCC unroll 4
  for (std::size_t p = 0; p < P; ++p)
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v) {
      std::int32_t* out = job.out + (m + 2 * p) * job.out_pitch + row + 2 * v;
      add(out, vget_low_s32(acc[p][v]));
      if (whole) add(out + job.out_pitch, vget_high_s32(acc[p][v]));
    }
}

}  // namespace

void unpack_t5r_neoni8mm(const UnpackJob& job) {
  unpack<codes_t5r>(job);
}
void unpack_u2r_neoni8mm(const UnpackJob& job) {
  unpack<codes_u2r>(job);
}
void unpack_u2_neoni8mm(const UnpackJob& job) {
  unpack<codes_u2>(job);
}

void gemm_neoni8mm(const PanelJob& job) {
  for (std::size_t row = 0; row < panel_rows; row += 2 * vectors) {
    std::size_t m = 0;
    for (; m + 8 <= job.m; m += 8) tile<4>(job, m, row, true);
    for (; m + 2 <= job.m; m += 2) tile<1>(job, m, row, true);
    if (m < job.m) tile<1>(job, m, row, false);
  }
}

}  // namespace onnxpack::kernels::ternary
