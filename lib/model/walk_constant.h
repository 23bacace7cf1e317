// One tensor of a model: what it is and where its bytes are.
#pragma once

#include <optional>
#include <string>

#include "facts.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {

// Where a tensor is met.
struct Place {
  std::string where;
  std::optional<std::size_t> node;  // top-level node
};

struct FoundConstant {
  Constant constant;
  std::optional<ExternalEntry> external;
};

// A TensorProto. Errors name the tensor and its place.
Result<FoundConstant> walk_constant(WireMessage message, const Place& place, ConstantSource source);

}  // namespace onnxpack::model
