// Protocol version and verbs. The whole protocol is written down in docs/backend-protocol.md.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"
#include "onnxpack/json/cursor.h"
#include "onnxpack/json/value.h"

namespace onnxpack::protocol {

// Wire form "1.0". Another major is another language; a higher minor only adds fields, which
// readers of a lower one ignore.
struct ProtocolVersion {
  std::int64_t major = 1;
  std::int64_t minor = 0;
  auto operator<=>(const ProtocolVersion&) const = default;
};
inline constexpr ProtocolVersion current_version{1, 0};

std::string to_string(ProtocolVersion version);
// Errors: corrupt, with the field's path.
Result<ProtocolVersion> version_from_json(const json::Cursor& field);

struct VersionRange {
  ProtocolVersion min = current_version;
  ProtocolVersion max = current_version;
  bool operator==(const VersionRange&) const = default;
};
json::Value to_json(const VersionRange& range);
Result<VersionRange> version_range_from_json(const json::Cursor& field);

// The version to speak when the two ranges meet: the highest of both. Errors: unsupported, with
// both ranges and which side to update.
Result<ProtocolVersion> negotiate(const VersionRange& host, const VersionRange& backend);

enum class Verb : std::uint8_t { describe, plan, compile, run, probe };
std::string_view to_string(Verb verb);
std::optional<Verb> verb_from_text(std::string_view text);

// Environment variable with the number of the descriptor that takes events; absent when a person
// runs the backend by hand.
inline constexpr const char* events_variable = "ONNX_PACK_EVENTS_FD";

// Programs are named onnx-pack-backend-NAME.
inline constexpr std::string_view program_prefix = "onnx-pack-backend-";

}  // namespace onnxpack::protocol
