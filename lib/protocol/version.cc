#include "onnxpack/protocol/version.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace onnxpack::protocol {
namespace {

constexpr std::array<std::string_view, 5> verb_names = {"describe", "plan", "compile", "run",
                                                        "probe"};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t out = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || rest != end || text.empty() || text.front() == '-') {
    return std::nullopt;
  }
  return out;
}

std::string to_text(const VersionRange& range) {
  if (range.min == range.max) return to_string(range.min);
  return fmt::format("{} to {}", to_string(range.min), to_string(range.max));
}

}  // namespace

std::string to_string(ProtocolVersion version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

Result<ProtocolVersion> version_from_json(const json::Cursor& field) {
  ONNXPACK_TRY(std::string text, field.string());
  auto dot = text.find('.');
  if (dot != std::string::npos) {
    auto major = whole_number(std::string_view(text).substr(0, dot));
    auto minor = whole_number(std::string_view(text).substr(dot + 1));
    if (major && minor) return ProtocolVersion{*major, *minor};
  }
  return std::unexpected(field.error("expected a protocol version like \"1.0\""));
}

json::Value to_json(const VersionRange& range) {
  return json::object({{"min", to_string(range.min)}, {"max", to_string(range.max)}});
}

Result<VersionRange> version_range_from_json(const json::Cursor& field) {
  VersionRange out;
  ONNXPACK_TRY(auto min, field.at("min"));
  ONNXPACK_TRY(out.min, version_from_json(min));
  ONNXPACK_TRY(auto max, field.at("max"));
  ONNXPACK_TRY(out.max, version_from_json(max));
  if (out.max < out.min) {
    return std::unexpected(
        field.error(fmt::format("min {} is above max {}", to_string(out.min), to_string(out.max))));
  }
  return out;
}

Result<ProtocolVersion> negotiate(const VersionRange& host, const VersionRange& backend) {
  ProtocolVersion common = std::min(host.max, backend.max);
  ProtocolVersion least = std::max(host.min, backend.min);
  if (common >= least) return common;
  bool host_is_older = host.max < backend.min;
  return fail(ErrorKind::unsupported,
              fmt::format("the backend speaks protocol {}, this onnx-pack speaks {}",
                          to_text(backend), to_text(host)),
              host_is_older ? "install a newer onnx-pack, or an older release of the backend"
                            : "install a newer release of the backend");
}

std::string_view to_string(Verb verb) {
  return verb_names[static_cast<std::size_t>(verb)];
}

std::optional<Verb> verb_from_text(std::string_view text) {
  for (std::size_t i = 0; i < verb_names.size(); ++i) {
    if (verb_names[i] == text) return static_cast<Verb>(i);
  }
  return std::nullopt;
}

}  // namespace onnxpack::protocol
