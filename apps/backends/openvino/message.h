// OpenVINO's exception texts as one line for a report.
#pragma once

#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::openvino_backend {

// Without the places in OpenVINO's own sources ("Exception from src/...:84:", "Check '...' failed
// at ...:"), without empty and repeated lines, on one line. What is left empty by that stays as it
// was.
std::string tidy_message(std::string_view text);

// unsupported for what OpenVINO says it cannot do, internal otherwise, with the tidy text.
Error to_error(std::string_view text);

}  // namespace onnxpack::openvino_backend
