// What the backend says of itself with and without OpenVINO.
#pragma once

#include "onnxpack/protocol/describe.h"

namespace onnxpack::openvino_backend {

inline constexpr const char* ep_name = "onnxpack.openvino";

// Name, verbs, whom it serves, options; version, availability and needs are the caller's to fill.
protocol::DescribeResponse description();

}  // namespace onnxpack::openvino_backend
