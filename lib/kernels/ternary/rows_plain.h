// The plain loops of rows.h, for whole rows and for what a vector leaves. In an unnamed namespace:
// the files that include this differ in instruction sets.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "ternary/rows.h"

namespace onnxpack::kernels::ternary {
namespace {

// Magnitudes are ordered as their bits are, and what is not finite is above all others.
inline std::uint32_t magnitude_bits(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  return bits & 0x7FFFFFFFU;
}
inline float magnitude_of(std::uint32_t bits) {
  if (bits >= 0x7F800000U) return std::numeric_limits<float>::quiet_NaN();
  float out = 0;
  std::memcpy(&out, &bits, 4);
  return out;
}
inline std::uint32_t peak_bits(const float* x, std::size_t columns) {
  std::uint32_t most = 0;
  for (std::size_t k = 0; k < columns; ++k) {
    const std::uint32_t bits = magnitude_bits(x[k]);
    most = bits > most ? bits : most;
  }
  return most;
}

inline std::int32_t quantize_plain(const float* x, std::size_t columns, float factor,
                                   std::int8_t* q) {
  // Adding 1.5 * 2^23 leaves no bits for a fraction, so the addition itself rounds half to even; no
  // call, and vectors on any processor.
  constexpr float magic = 12582912.0F;
  std::int32_t sum = 0;
  for (std::size_t k = 0; k < columns; ++k) {
    float value = x[k] * factor;
    value = value < 127.0F ? value : 127.0F;  // a NaN too
    value = value > -128.0F ? value : -128.0F;
    const float rounded = (value + magic) - magic;
    const auto whole = static_cast<std::int32_t>(rounded);
    q[k] = static_cast<std::int8_t>(whole);
    sum += whole;
  }
  return sum;
}

inline void to_planes_plain(const std::int8_t* q, std::size_t from, std::size_t columns,
                            std::size_t plane, std::int8_t* planes) {
  for (std::size_t j = from / 4; j < columns / 4; ++j)
    for (std::size_t p = 0; p < 4; ++p) planes[p * plane + j] = q[4 * j + p];
}

inline void scale_blocks_plain(const ScaleJob& job) {
  for (std::size_t n = 0; n < job.rows;) {
    const std::size_t row = job.first + n;
    const std::size_t left = scale_tile - row % scale_tile;
    const std::size_t count = job.rows - n < left ? job.rows - n : left;
    const float* scales = job.scales + scale_index(row, 0, job.blocks);
    const std::int32_t* sums = job.sums + n;
    float sum[scale_tile];
    for (std::size_t i = 0; i < count; ++i) sum[i] = static_cast<float>(sums[i]) * scales[i];
    for (std::size_t b = 1; b < job.blocks; ++b) {
      sums += job.pitch;
      scales += scale_tile;
      for (std::size_t i = 0; i < count; ++i) sum[i] += static_cast<float>(sums[i]) * scales[i];
    }
    for (std::size_t i = 0; i < count; ++i) job.y[n + i] = sum[i] * job.factor;
    n += count;
  }
}

}  // namespace
}  // namespace onnxpack::kernels::ternary
