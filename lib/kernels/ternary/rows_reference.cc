#include "ternary/rows_plain.h"

namespace onnxpack::kernels::ternary {

float peak_reference(const float* x, std::size_t columns) {
  return magnitude_of(peak_bits(x, columns));
}
std::int32_t quantize_reference(const float* x, std::size_t columns, float factor, std::int8_t* q) {
  return quantize_plain(x, columns, factor, q);
}
void to_planes_reference(const std::int8_t* q, std::size_t columns, std::size_t plane,
                         std::int8_t* planes) {
  to_planes_plain(q, 0, columns, plane, planes);
}
void scale_blocks_reference(const ScaleJob& job) {
  scale_blocks_plain(job);
}

}  // namespace onnxpack::kernels::ternary
