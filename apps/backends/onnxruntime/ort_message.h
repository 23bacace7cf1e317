// ONNX Runtime's error texts, made fit for people.
#pragma once

#include <string>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

// One line without ORT's source file, line and C++ signature: "Load model from m.onnx failed:
// Unsupported model IR version: 14, ...".
std::string tidy_message(std::string_view text);

// Refusals over IR or opset version become "onnxruntime 1.31.1 loads IR up to 13, the model has 14"
// with kind unsupported; other errors pass through. ORT has no call that tells its limits, but says
// them in this text.
Error explain_version(Error error, std::string_view runtime_version);

}  // namespace onnxpack::ort_backend
