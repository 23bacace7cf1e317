// Names of the formats, and the graph values that manifest readers and writers share.
#pragma once

#include "fields.h"

namespace onnxpack::manifest {

inline constexpr std::string_view manifest_format = "onnx-pack/manifest";
inline constexpr std::string_view layout_format = "onnx-pack/layout";
inline constexpr std::string_view evidence_format = "onnx-pack/evidence";

json::Value value_info_to_json(const ValueInfo& value);
Result<ValueInfo> value_info_from_json(const json::Cursor& cursor, target::UnknownFields mode);

}  // namespace onnxpack::manifest
