// The operators of the library. A new one is a file of its own, a declaration here and a line in
// registry.cc.
#pragma once

#include <vector>

#include "ort.h"

namespace onnxpack::ort_ops {

// The domain of all operators; version 1.
inline constexpr const char* domain_name = "org.onnxpack";

// Each operator gives its records, one for every element type that it takes; they live as long as
// the process.
using OperatorRecords = std::vector<const OrtCustomOp*>;

OperatorRecords ternary_matmul_operator();
OperatorRecords ternary_gather_operator();
OperatorRecords flex_attention_operator();

std::vector<const OrtCustomOp*> all_operators();

}  // namespace onnxpack::ort_ops
