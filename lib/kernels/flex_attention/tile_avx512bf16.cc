#include "flex_attention/tile_pairs.h"

namespace onnxpack::kernels::flex {

// All but the products of bf16 is AVX-512's.
const TileOps& tile_ops_avx512bf16() {
  static const TileOps ops = [] {
    TileOps out = tile_ops_avx512();
    out.isa = Isa::avx512_bf16;
    out.pairs = &pairs;
    return out;
  }();
  return ops;
}

}  // namespace onnxpack::kernels::flex
