#include "flex_attention/tile_loops.h"
#include "flex_attention/vm_functions.h"

namespace onnxpack::kernels::flex {

const TileOps& tile_ops_avx512() {
  static constexpr TileOps ops = {.isa = Isa::avx512,
                                  .products = float_products,
                                  .few_f16 = few_halves<Type::f16>,
                                  .few_bf16 = few_halves<Type::bf16>,
                                  .few_limit = limit_of_few,
                                  .softmax = softmax,
                                  .few_softmax = few_softmax<Weights>,
                                  .probabilities = probabilities,
                                  .divide = divide,
                                  .transpose = transpose,
                                  .widen = widen,
                                  .narrow = narrow,
                                  .function = vm_function};
  return ops;
}

}  // namespace onnxpack::kernels::flex
