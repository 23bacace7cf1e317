#include "ternary/dot_bands.h"
#include "ternary/dot_blocks.h"
#include "ternary/dot_narrow.h"
#include "ternary/dot_tiles.h"
#include "ternary/vector_avx512.h"

namespace onnxpack::kernels::ternary {

void dot_t5r_avx512vnni(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V512, T5rByMinimum<V512>>(job);
  if (goes_in_bands(job, job.width, t5r_bands_from))
    return row_plane_in_bands<T5rByMinimum<V512>>(job);
  row_plane<V512, T5rByMinimum<V512>, 3>(job);
}
void dot_u2r_avx512vnni(const DotJob& job) {
  if (goes_narrow(job)) return row_plane_narrow<V512, U2r<V512>>(job);
  if (goes_by_blocks(job)) return row_plane_by_blocks<U2r<V512>>(job);
  row_plane<V512, U2r<V512>, 4>(job);
}
void dot_u2_avx512vnni(const DotJob& job) {
  if (goes_in_bands(job, 4 * job.stride, u2_bands_from)) return u2_in_bands(job);
  u2_rows_of_all<V512, 4>(job);
}

}  // namespace onnxpack::kernels::ternary
