#include "ternary/float_dot.h"

namespace onnxpack::kernels::ternary {

float float_dot_reference(const float* x, const std::int8_t* trits, std::size_t columns) {
  float lane[float_lanes] = {};
  std::size_t k = 0;
  for (; k + float_lanes <= columns; k += float_lanes)
    for (std::size_t i = 0; i < float_lanes; ++i)
      lane[i] += x[k + i] * static_cast<float>(trits[k + i]);
  return finish_lanes(lane, x, trits, k, columns);
}

}  // namespace onnxpack::kernels::ternary
