// Activations as the int8 kernels want them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace onnxpack::kernels::ternary {

struct QuantizedRow {
  float scale;  // to multiply sums by: max|x| / 127, NaN when a value is not finite
};
// q[k] = round half even(x[k] * (127 / max(max|x|, 1e-5))) in [-128, 127].
QuantizedRow quantize_row(const float* x, std::size_t columns, std::int8_t* q);
// Number 4 j + p of `q` to planes[p * plane + j].
void to_planes(const std::int8_t* q, std::size_t columns, std::size_t plane, std::int8_t* planes);

}  // namespace onnxpack::kernels::ternary
