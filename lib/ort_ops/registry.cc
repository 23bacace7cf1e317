#include "registry.h"

namespace onnxpack::ort_ops {

std::vector<const OrtCustomOp*> all_operators() {
  std::vector<const OrtCustomOp*> out;
  for (const OperatorRecords& records : std::vector<OperatorRecords>{
           // One line per operator.
           ternary_matmul_operator(),
           ternary_gather_operator(),
           flex_attention_operator(),
       }) {
    out.insert(out.end(), records.begin(), records.end());
  }
  return out;
}

}  // namespace onnxpack::ort_ops
