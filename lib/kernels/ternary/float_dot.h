// Mode float32: one row of trits by one row of floats, in sixteen partial sums.
//
// lane[k mod 16] += x[k] * trit[k], k ascending. A product by -1, 0 or 1 is exact, so a fused
// multiply-add rounds as the two steps do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "onnxpack/kernels/kernel_list.h"

namespace onnxpack::kernels::ternary {

inline constexpr std::size_t float_lanes = 16;

// sum = the lanes of columns [0, columns), added as i and i + 8, then 4, 2, 1.
using FloatKernel = float (*)(const float* x, const std::int8_t* trits, std::size_t columns);
struct FloatChoice {
  KernelEntry entry;
  FloatKernel run;
};
std::span<const FloatChoice> float_dots();

float float_dot_reference(const float* x, const std::int8_t* trits, std::size_t columns);
#if defined(__x86_64__)
float float_dot_avx2(const float* x, const std::int8_t* trits, std::size_t columns);
float float_dot_avx512(const float* x, const std::int8_t* trits, std::size_t columns);
#elif defined(__aarch64__)
float float_dot_neon(const float* x, const std::int8_t* trits, std::size_t columns);
#endif

// The end of every kernel; inlined into each, in an unnamed namespace since the files differ in
// instruction sets.
namespace {
inline float finish_lanes(float* lane, const float* x, const std::int8_t* trits, std::size_t from,
                          std::size_t columns) {
  for (std::size_t k = from; k < columns; ++k)
    lane[k - from] += x[k] * static_cast<float>(trits[k]);
  for (std::size_t half = float_lanes / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}
}  // namespace

}  // namespace onnxpack::kernels::ternary
