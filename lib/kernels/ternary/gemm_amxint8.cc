// Prefill by tiles. A panel as unpack_*_avx512vnni() writes it is [width / 4][80 rows][4 columns]:
// sixteen of its steps by sixteen of its rows are the second operand of TDPBSUD as they lie there,
// and sixteen rows of activations are the first, so nothing is rearranged.
#include "common/amx_blocks.h"
#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {
namespace {

struct CodesBySigned {
  template <int Sums, int A, int B>
  static void dot() {
    dot_signed_unsigned<Sums, A, B>();
  }
};

}  // namespace

// Tiles are configured and released in each call, since the threads are not ours and the driver has
// no place that all kernels would have to know for it. A call has at most 100 rows of activations
// and 256 columns: 140 products of 16 cycles each by Intel's manual, 40 with the 32 rows from which
// on this is used, beside one or two configurations and a release.
void gemm_amxint8(const PanelJob& job) {
  const TileProduct all{.a = job.activations,
                        .a_stride = job.activation_stride,
                        .b = job.panel,
                        .b_stride = panel_rows * 4,
                        .steps = job.width / tile_bytes,
                        .sums = job.out,
                        .sums_stride = job.out_pitch * 4};
  down_rows(job.m, [&]<bool TwoDown>(std::size_t m) {
    across_columns<CodesBySigned, Sums::add, TwoDown>(all.at(m, 0), panel_rows);
  });
}

}  // namespace onnxpack::kernels::ternary
