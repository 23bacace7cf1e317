// Between the driver and the kernels of each instruction set.
#pragma once

#include "flex_attention/binding.h"
#include "flex_attention/tile_ops.h"
#include "flex_attention/tile_program.h"

namespace onnxpack::kernels::flex {

struct Call {
  const Spec& spec;
  const Arguments& arguments;
  const Binding* score = nullptr;  // null: no modifier, or one that changes nothing
  const Binding* prob = nullptr;
  float scale = 0;
  TileCounts* counts = nullptr;
  Lookahead lookahead = Lookahead::one_stage;
};

// Any type and precision; rows in parallel. Keeps one row of scores: 8 * S bytes for each worker.
Status run_reference(const Call& call, Parallel& parallel);

// Elements f32, f16 and bf16 with softmax precision f32, sizes below 2^31. `score` and `prob` are
// call.score and call.prob compiled, or null with them.
Status run_tiles(const Call& call, const TileOps& ops, const TileProgram* score,
                 const TileProgram* prob, Parallel& parallel);

}  // namespace onnxpack::kernels::flex
