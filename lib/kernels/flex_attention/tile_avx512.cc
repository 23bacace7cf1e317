#include "flex_attention/tile_loops.h"
#include "flex_attention/vm_functions.h"

namespace onnxpack::kernels::flex {

const TileOps& tile_ops_avx512() {
  static constexpr TileOps ops = {.isa = Isa::avx512,
                                  .scores = scores,
                                  .softmax = softmax,
                                  .probabilities = probabilities,
                                  .weigh = weigh,
                                  .divide_rows = divide_rows,
                                  .widen = widen,
                                  .function = vm_function};
  return ops;
}

}  // namespace onnxpack::kernels::flex
