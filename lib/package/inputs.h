// Inputs for a verification: files as given, ONNX test data sets, or seeded ones from the
// signature.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "onnxpack/package/verify.h"
#include "onnxpack/tensor/tensor.h"

namespace onnxpack::package {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

struct InputSet {
  std::vector<tensor::NamedTensor> tensors;  // in signature order
  std::string description;                   // "text.npy", "generated, seed 1", "test_data_set_0"
  bool generated = false;
};

// One set per test data set, or one of files and generated tensors. `fixed` shapes are those of a
// variant compiled for them: generated tensors take them, given ones keep theirs. Errors:
// invalid_argument (an input that the model has not, a type or rank that does not fit), unsupported
// (strings, sequences), corrupt (the file), io.
Result<std::vector<InputSet>> make_inputs(const Environment& environment,
                                          const PackageFile& package,
                                          const manifest::Component& component,
                                          const InputSource& source, const Shapes& fixed);

// Which input of the set contradicts the fixed shapes, or nothing.
std::string shape_conflict(const InputSet& set, const Shapes& fixed);

}  // namespace onnxpack::package
