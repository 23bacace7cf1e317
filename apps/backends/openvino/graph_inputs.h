// Names that a model gives to the dimensions of its inputs. OpenVINO drops them while it imports,
// and `--free-dimension-override` goes by them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::openvino_backend {

struct DimensionName {
  std::string input;
  std::size_t index = 0;  // of the dimension
  std::string name;
};

// Reads the fields of the graph's inputs and skips all others, so the cost does not grow with the
// weights. Errors: corrupt for what is no protobuf message, else as ReadableFile.
Result<std::vector<DimensionName>> dimension_names(const io::ReadableFile& model);

}  // namespace onnxpack::openvino_backend
