#include "ternary/activations.h"

#include <cmath>
#include <limits>

namespace onnxpack::kernels::ternary {
namespace {

// The largest magnitude; NaN when one is not finite. Sixteen maxima, so that it becomes vectors
// without reordering anything that rounds.
float peak(const float* x, std::size_t columns) {
  constexpr std::size_t lanes = 16;
  float most[lanes] = {};
  float odd[lanes] = {};  // NaN once a value is not finite: x - x
  std::size_t k = 0;
  for (; k + lanes <= columns; k += lanes)
    for (std::size_t i = 0; i < lanes; ++i) {
      const float magnitude = std::fabs(x[k + i]);
      most[i] = magnitude > most[i] ? magnitude : most[i];
      odd[i] += x[k + i] - x[k + i];
    }
  for (; k < columns; ++k) {
    const float magnitude = std::fabs(x[k]);
    most[0] = magnitude > most[0] ? magnitude : most[0];
    odd[0] += x[k] - x[k];
  }
  float all = 0;
  float bad = 0;
  for (std::size_t i = 0; i < lanes; ++i) {
    all = most[i] > all ? most[i] : all;
    bad += odd[i];
  }
  return bad == 0 ? all : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

QuantizedRow quantize_row(const float* x, std::size_t columns, std::int8_t* q) {
  float most = peak(x, columns);
  if (most < 1e-5F) most = 1e-5F;
  const float factor = most == most ? 127.0F / most : 0.0F;
  // Adding 1.5 * 2^23 leaves no bits for a fraction, so the addition itself rounds half to even; no
  // call, and vectors on any processor.
  constexpr float magic = 12582912.0F;
  for (std::size_t k = 0; k < columns; ++k) {
    float value = x[k] * factor;
    value = value < 127.0F ? value : 127.0F;  // a NaN too
    value = value > -128.0F ? value : -128.0F;
    const float rounded = (value + magic) - magic;
    q[k] = static_cast<std::int8_t>(static_cast<std::int32_t>(rounded));
  }
  return {most / 127.0F};
}

void to_planes(const std::int8_t* q, std::size_t columns, std::size_t plane, std::int8_t* planes) {
  for (std::size_t j = 0; j < columns / 4; ++j)
    for (std::size_t p = 0; p < 4; ++p) planes[p * plane + j] = q[4 * j + p];
}

}  // namespace onnxpack::kernels::ternary
