// Prefill with sdot: panels [4 columns][80 rows][4 columns], tiles of four rows of activations by
// 20 of weights: 20 sums, five codes and four activations are 29 of 32 registers.
#include "ternary/unpack_neon.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t vectors = 5;  // of four rows

// Four rows of sixteen columns to four vectors [4 rows][4 columns], which stand `step` apart.
inline void transpose(const std::uint8_t (*rows)[64], std::size_t c, std::uint8_t* panel,
                      std::size_t step) {
  uint32x4_t row[4];
  for (std::size_t r = 0; r < 4; ++r) row[r] = vreinterpretq_u32_u8(vld1q_u8(rows[r] + c));
  const uint32x4x2_t a = vtrnq_u32(row[0], row[1]);
  const uint32x4x2_t b = vtrnq_u32(row[2], row[3]);
  for (std::size_t i = 0; i < 2; ++i) {
    const uint64x2_t first = vreinterpretq_u64_u32(a.val[i]);
    const uint64x2_t second = vreinterpretq_u64_u32(b.val[i]);
    vst1q_u8(panel + i * step, vreinterpretq_u8_u64(vzip1q_u64(first, second)));
    vst1q_u8(panel + (i + 2) * step, vreinterpretq_u8_u64(vzip2q_u64(first, second)));
  }
}

template <void (*Codes)(const UnpackJob&, std::size_t, PanelRows&)>
void unpack(const UnpackJob& job) {
  PanelRows rows;
  for (std::size_t k = 0; k < job.width; k += 64) {
    Codes(job, k, rows);
    for (std::size_t c = 0; c < 64; c += 16)
      for (std::size_t r = 0; r < panel_rows; r += 4)
        transpose(rows + r, c, job.panel + (k + c) * panel_rows + r * 4, panel_rows * 4);
  }
}

// Columns 4 Lane to 4 Lane + 3 of the sixteen loaded ones.
template <int Lane, std::size_t M>
inline void lane(const std::uint8_t* codes, const int8x16_t (&a)[M], int32x4_t (&acc)[M][vectors]) {
#pragma GCC unroll 5
  for (std::size_t v = 0; v < vectors; ++v) {
    const int8x16_t c = vreinterpretq_s8_u8(vld1q_u8(codes + Lane * panel_rows * 4 + 16 * v));
#pragma GCC unroll 4
    for (std::size_t i = 0; i < M; ++i) acc[i][v] = vdotq_laneq_s32(acc[i][v], c, a[i], Lane);
  }
}

template <std::size_t M>
void tile(const PanelJob& job, std::size_t m, std::size_t row) {
  std::int32_t* out = job.out + m * job.out_pitch + row;
  int32x4_t acc[M][vectors];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < M; ++i)
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v)
      acc[i][v] = vld1q_s32(out + i * job.out_pitch + 4 * v);
  const std::int8_t* activations = job.activations + m * job.activation_stride;
  const std::uint8_t* codes = job.panel + row * 4;
  for (std::size_t k = 0; k < job.width; k += 16, codes += panel_rows * 16) {
    int8x16_t a[M];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < M; ++i)
      a[i] = vld1q_s8(activations + i * job.activation_stride + k);
    lane<0>(codes, a, acc);
    lane<1>(codes, a, acc);
    lane<2>(codes, a, acc);
    lane<3>(codes, a, acc);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < M; ++i)
#pragma GCC unroll 5
    for (std::size_t v = 0; v < vectors; ++v) vst1q_s32(out + i * job.out_pitch + 4 * v, acc[i][v]);
}

}  // namespace

void unpack_t5r_neondot(const UnpackJob& job) {
  unpack<codes_t5r>(job);
}
void unpack_u2r_neondot(const UnpackJob& job) {
  unpack<codes_u2r>(job);
}
void unpack_u2_neondot(const UnpackJob& job) {
  unpack<codes_u2>(job);
}

void gemm_neondot(const PanelJob& job) {
  for (std::size_t row = 0; row < panel_rows; row += 4 * vectors) {
    std::size_t m = 0;
    for (; m + 4 <= job.m; m += 4) tile<4>(job, m, row);
    for (; m < job.m; ++m) tile<1>(job, m, row);
  }
}

}  // namespace onnxpack::kernels::ternary
