// Between the driver and the kernels of each instruction set.
#pragma once

#include "flex_attention/binding.h"

namespace onnxpack::kernels::flex {

struct Call {
  const Spec& spec;
  const Arguments& arguments;
  const Binding* score = nullptr;  // null: no modifier, or one that changes nothing
  const Binding* prob = nullptr;
  float scale = 0;
  TileCounts* counts = nullptr;
};

// Any type and precision; rows in parallel. Keeps one row of scores: 8 * S bytes for each worker.
Status run_reference(const Call& call, Parallel& parallel);

}  // namespace onnxpack::kernels::flex
