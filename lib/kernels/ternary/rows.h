// One row of activations on its way in, and of results on its way out. Every kernel gives equal
// bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "onnxpack/kernels/kernel_list.h"

namespace onnxpack::kernels::ternary {

// Scales of blocks stand as [rows / 64][blocks][64 rows], filled up: rows side by side for vectors,
// and all blocks of some rows together, so that memory is read in order.
inline constexpr std::size_t scale_tile = 64;
constexpr std::size_t scale_index(std::size_t row, std::size_t block, std::size_t blocks) {
  return (row / scale_tile * blocks + block) * scale_tile + row % scale_tile;
}

// y[n] = (sum of block 0 * its scale + sum of block 1 * its scale + ...) * factor for the rows
// first + n, each product and each sum rounded, in this order.
struct ScaleJob {
  const std::int32_t* sums = nullptr;  // [blocks][pitch]
  std::size_t pitch = 0;
  std::size_t blocks = 0;  // at least one
  const float* scales = nullptr;
  std::size_t first = 0;
  float factor = 0;
  std::size_t rows = 0;
  float* y = nullptr;
};

struct RowChoice {
  KernelEntry entry;
  // The largest magnitude, NaN when a value is not finite.
  float (*peak)(const float* x, std::size_t columns);
  // q[k] = round half even(x[k] * factor) in [-128, 127], 127 for a NaN. Returns their sum.
  std::int32_t (*quantize)(const float* x, std::size_t columns, float factor, std::int8_t* q);
  // Number 4 j + p of `q` to planes[p * plane + j]; columns is a multiple of 4.
  void (*to_planes)(const std::int8_t* q, std::size_t columns, std::size_t plane,
                    std::int8_t* planes);
  void (*scale_blocks)(const ScaleJob& job);
};
// Best first, the reference last.
std::span<const RowChoice> row_kernels();

float peak_reference(const float* x, std::size_t columns);
std::int32_t quantize_reference(const float* x, std::size_t columns, float factor, std::int8_t* q);
void to_planes_reference(const std::int8_t* q, std::size_t columns, std::size_t plane,
                         std::int8_t* planes);
void scale_blocks_reference(const ScaleJob& job);
#if defined(__x86_64__)
float peak_avx2(const float* x, std::size_t columns);
std::int32_t quantize_avx2(const float* x, std::size_t columns, float factor, std::int8_t* q);
void to_planes_avx2(const std::int8_t* q, std::size_t columns, std::size_t plane,
                    std::int8_t* planes);
void scale_blocks_avx2(const ScaleJob& job);
float peak_avx512(const float* x, std::size_t columns);
std::int32_t quantize_avx512(const float* x, std::size_t columns, float factor, std::int8_t* q);
void to_planes_avx512(const std::int8_t* q, std::size_t columns, std::size_t plane,
                      std::int8_t* planes);
void scale_blocks_avx512(const ScaleJob& job);
#elif defined(__aarch64__)
float peak_neon(const float* x, std::size_t columns);
std::int32_t quantize_neon(const float* x, std::size_t columns, float factor, std::int8_t* q);
void to_planes_neon(const std::int8_t* q, std::size_t columns, std::size_t plane,
                    std::int8_t* planes);
#endif

}  // namespace onnxpack::kernels::ternary
