// libonnxpack_ops.so, the operators of org.onnxpack, for graphs that have some.
#pragma once

#include <optional>
#include <string>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

inline constexpr const char* ops_domain = "org.onnxpack";
inline constexpr const char* ops_version = "1";  // of its operators: the opset that graphs import
inline constexpr const char* ops_feature = "runtime.onnxpack_ops";
inline constexpr const char* ops_library_name = "libonnxpack_ops.so";
inline constexpr const char* ops_library_variable = "ONNXPACK_OPS_LIBRARY";

// Looked for by the environment variable ONNXPACK_OPS_LIBRARY (and nowhere else), beside the
// program, in ../../lib/onnx-pack and ../../lib from it (an install, or the build tree). Nothing is
// loaded. Errors: unavailable, with what was tried.
Result<std::string> find_ops_library();

// Whether the model imports operators of org.onnxpack. Cost: its top-level fields. Errors: corrupt.
Result<bool> imports_ops(ByteView model);

}  // namespace onnxpack::ort_backend
