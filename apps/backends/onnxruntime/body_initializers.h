// A way around ONNX Runtime's issue 32131: its Compile API drops initializers that only the bodies
// of If, Loop and Scan read, and then refuses the model that it wrote.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

struct Localised {
  Bytes model;                     // empty when nothing was to be moved
  std::vector<std::string> moved;  // names, in the model's order
};

// The top graph's initializers that no node there reads, but a body does, are moved into the bodies
// that read them: a copy into each, computing the same. Those that are graph inputs as well stay,
// since a caller may replace them. Errors: corrupt.
Result<Localised> localise_initializers(ByteView model);

}  // namespace onnxpack::ort_backend
