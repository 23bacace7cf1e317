// One function per known format of compatibility text; compatibility.cc asks them in turn.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "onnxpack/target/compatibility.h"

namespace onnxpack::target {

// Nothing when the text is not of this rule's format.
std::optional<CompatibilityAnswer> validate_own(std::string_view ep, std::string_view text,
                                                const Target& target);
std::optional<CompatibilityAnswer> validate_qnn(std::string_view ep, std::string_view text,
                                                const Target& target);
std::optional<CompatibilityAnswer> validate_openvino(std::string_view ep, std::string_view text,
                                                     const Target& target);
std::optional<CompatibilityAnswer> validate_tensorrt(std::string_view ep, std::string_view text,
                                                     const Target& target);

// The one value that the target states for a feature; nothing when it states none or several.
std::optional<std::string> single_fact(const Target& target, std::string_view feature);

}  // namespace onnxpack::target
