// Fixing the shapes of graph inputs in a model file, input by input.
//
// ONNX Runtime's own override goes by dimension name, which real models do not keep apart: PP-OCR's
// classifier calls height and width both '?' and leaves the batch nameless.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

// A copy of the ModelProto whose named inputs have the given shapes. Errors: invalid_argument (no
// such input, with a suggestion; another rank; a dimension that the model fixes to another number),
// corrupt.
Result<Bytes> with_input_shapes(ByteView model,
                                const std::map<std::string, std::vector<std::int64_t>>& shapes);

// The names of symbolic dimensions of the graph's inputs.
Result<std::set<std::string>> symbolic_dimensions(ByteView model);

// An input whose shape is not wholly known.
struct DynamicInput {
  std::string name;
  std::string shape;  // "[?,3,?,width]"
  // What fixes it on the command line, a '?' for each number to fill in: "--input-shape x:?,3,?,?".
  std::string option;
  bool operator==(const DynamicInput&) const = default;
};
// Graph inputs (those with an initializer of their name left out) with unknown dimensions that
// neither `free` names nor `shapes` gives.
Result<std::vector<DynamicInput>> dynamic_inputs(
    ByteView model, const std::map<std::string, std::int64_t>& free,
    const std::map<std::string, std::vector<std::int64_t>>& shapes);

}  // namespace onnxpack::ort_backend
