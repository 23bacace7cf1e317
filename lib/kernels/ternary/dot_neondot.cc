#include "ternary/dot_tiles.h"
#include "ternary/vector_neon.h"

namespace onnxpack::kernels::ternary {

void dot_t5r_neondot(const DotJob& job) {
  row_plane<V128, T5rByComparison, 3>(job);
}
void dot_u2r_neondot(const DotJob& job) {
  row_plane<V128, U2r<V128>, 4>(job);
}
void dot_u2_neondot(const DotJob& job) {
  u2_rows_of_all<V128, 4>(job);
}

}  // namespace onnxpack::kernels::ternary
