#include "ternary/dot_narrow.h"
#include "ternary/dot_tiles.h"
#include "ternary/vector_avx2.h"

namespace onnxpack::kernels::ternary {
namespace {

struct V256 : V256Base {
  static inline reg dot(reg acc, reg u, reg s) { return _mm256_dpbusd_avx_epi32(acc, u, s); }
};

}  // namespace

void dot_t5r_avxvnni(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V256, T5rByMinimum<V256>>(job);
  row_plane<V256, T5rByMinimum<V256>, 1>(job);
}
void dot_u2r_avxvnni(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V256, U2r<V256>>(job);
  row_plane<V256, U2r<V256>, 2>(job);
}
void dot_u2_avxvnni(const DotJob& job) {
  u2_rows_of_all<V256, 1>(job);
}

}  // namespace onnxpack::kernels::ternary
