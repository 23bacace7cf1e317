// Compatibility strings: what a blob needs of its runtime, comparable without the blob and off the
// device.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"
#include "onnxpack/target/target.h"

namespace onnxpack::target {

// ONNX Runtime's four states, by the same names.
enum class Verdict { optimal, prefer_recompilation, not_applicable, unsupported };
std::string_view to_string(Verdict verdict);

struct CompatibilityAnswer {
  Verdict verdict = Verdict::not_applicable;
  std::string reason;     // one line with both sides
  std::string validator;  // which rule decided: "onnx-pack/1", "qnn/v2", "openvino", ...; empty
                          // when no rule knows the text
};

// Our own canonical text: "onnx-pack/1;key=value;..." keys sorted, values escaped. Built from the
// facts a blob depends on.
std::string make_compatibility_string(const std::map<std::string, std::string>& fields);

// Applies the vendor's published rule for the text's format to the target. Unknown text:
// not_applicable, as ONNX Runtime does.
CompatibilityAnswer validate_compatibility(std::string_view ep,
                                           std::string_view compatibility_string,
                                           const Target& target);

}  // namespace onnxpack::target
