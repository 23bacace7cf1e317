// From a model file to OpenVINO's model, with the shapes that a request fixes.
#pragma once

#include <map>

#include "engine.h"

namespace onnxpack::openvino_backend {

struct FixedShapes {
  std::map<std::string, std::int64_t> free_dimensions;
  protocol::Shapes input_shapes;
};

// Errors: invalid_argument (no such dimension or input, with a suggestion; another rank; a
// dimension that the model fixes to another number), unsupported (operators, named), else as
// to_error.
Result<std::shared_ptr<ov::Model>> import_model(ov::Core& core, const std::string& path,
                                                const FixedShapes& fixed);

}  // namespace onnxpack::openvino_backend
