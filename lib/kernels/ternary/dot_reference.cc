// Plain loops: what every other kernel is compared with, and what runs where there is no other.
#include <algorithm>

#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {
namespace {

int digit_t5(unsigned byte, std::size_t r) {
  constexpr unsigned powers[5] = {1, 3, 9, 27, 81};
  return static_cast<int>(byte / powers[r] % 3);
}
int digit_u2(unsigned byte, std::size_t r) {
  return static_cast<int>(byte >> (2 * r) & 3U);
}

template <std::size_t Height, int (*Digit)(unsigned, std::size_t)>
void row_plane(const DotJob& job) {
  for (std::size_t g = 0; g < job.groups; ++g)
    for (std::size_t m = 0; m < job.m; ++m)
      for (std::size_t b = 0; b < job.blocks; ++b) {
        std::int32_t sums[Height] = {};
        const std::size_t end = std::min((b + 1) * job.block, job.width);
        for (std::size_t k = b * job.block; k < end; ++k) {
          const std::int32_t a = job.activations[m * job.width + k];
          for (std::size_t r = 0; r < Height; ++r)
            sums[r] += a * Digit(job.bytes[g * job.stride + k], r);
        }
        std::int32_t* out = job.out + (m * job.blocks + b) * job.out_rows + g * Height;
        for (std::size_t r = 0; r < Height; ++r) out[r] = sums[r] - job.sums[m * job.blocks + b];
      }
}

template <std::size_t Height, int (*Digit)(unsigned, std::size_t)>
void unpack(const UnpackJob& job) {
  for (std::size_t k = 0; k < job.width; ++k)
    for (std::size_t row = 0; row < panel_rows; ++row) {
      const std::size_t g = row / Height;
      const int code = g < job.groups ? Digit(job.bytes[g * job.stride + k], row % Height) : 1;
      job.panel[(k / 4 * panel_rows + row) * 4 + k % 4] = static_cast<std::uint8_t>(code);
    }
}

}  // namespace

void dot_t5r_reference(const DotJob& job) {
  row_plane<5, digit_t5>(job);
}
void dot_u2r_reference(const DotJob& job) {
  row_plane<4, digit_u2>(job);
}

void dot_u2_reference(const DotJob& job) {
  for (std::size_t n = 0; n < job.groups; ++n)
    for (std::size_t m = 0; m < job.m; ++m)
      for (std::size_t b = 0; b < job.blocks; ++b) {
        std::int32_t sum = 0;
        const std::size_t end = std::min((b + 1) * job.block / 4, job.stride);
        for (std::size_t j = b * job.block / 4; j < end; ++j)
          for (std::size_t p = 0; p < 4; ++p)
            sum += job.activations[(4 * m + p) * job.width + j] *
                   digit_u2(job.bytes[n * job.stride + j], p);
        job.out[(m * job.blocks + b) * job.out_rows + n] = sum - job.sums[m * job.blocks + b];
      }
}

void unpack_t5r_reference(const UnpackJob& job) {
  unpack<5, digit_t5>(job);
}
void unpack_u2r_reference(const UnpackJob& job) {
  unpack<4, digit_u2>(job);
}

void unpack_u2_reference(const UnpackJob& job) {
  for (std::size_t k = 0; k < job.width; ++k)
    for (std::size_t row = 0; row < panel_rows; ++row) {
      const bool there = row < job.groups && k / 4 < job.stride;
      const int code = there ? digit_u2(job.bytes[row * job.stride + k / 4], k % 4) : 1;
      job.panel[(k / 4 * panel_rows + row) * 4 + k % 4] = static_cast<std::uint8_t>(code);
    }
}

void gemm_reference(const PanelJob& job) {
  for (std::size_t m = 0; m < job.m; ++m) {
    std::int32_t* sums = job.out + m * job.out_pitch;
    for (std::size_t k = 0; k < job.width; ++k) {
      const std::int32_t a = job.activations[m * job.activation_stride + k];
      const std::uint8_t* codes = job.panel + k / 4 * panel_rows * 4 + k % 4;
      for (std::size_t row = 0; row < panel_rows; ++row) sums[row] += a * codes[4 * row];
    }
  }
}

}  // namespace onnxpack::kernels::ternary
