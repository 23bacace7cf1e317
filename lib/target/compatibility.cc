// The dispatcher, and our own text:
//
//   onnx-pack/1;key=value,value;key=value      keys sorted; '%', ';', ',', '=' and control bytes
//   inside as %XX
//
// Keys are features. Each value must hold on the device; how well it fits decides the verdict:
//   ladder   the device stands on the same step: optimal; higher: prefer-recompilation; lower:
//   unsupported version  equal: optimal; the device's newer: prefer-recompilation; older:
//   unsupported number   the device has at least as much: optimal; less: unsupported set      all
//   values present: optimal; else unsupported
// A feature that the device does not state gives not-applicable, unless another one already gives
// unsupported.
#include "onnxpack/target/compatibility.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "compatibility_rules.h"
#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"
#include "version.h"

namespace onnxpack::target {
namespace {

constexpr std::string_view own_prefix = "onnx-pack/1";

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7F || c == '%' || c == ';' || c == '=') {
      out += fmt::format("%{:02X}", u);
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte) return std::nullopt;
    out += static_cast<char>(std::to_integer<unsigned char>(byte->front()));
    i += 2;
  }
  return out;
}

struct Field {
  Verdict verdict;
  std::string reason;
};

Field compare_ladder(std::string_view key, const std::vector<std::string>& needs,
                     const std::vector<std::string>& has) {
  std::size_t wanted = ladder_height(key, needs);
  std::size_t there = ladder_height(key, has);
  if (wanted == 0)
    return {Verdict::not_applicable, fmt::format("{}={} is not known here", key, join(needs, ","))};
  Verdict verdict = there == wanted  ? Verdict::optimal
                    : there > wanted ? Verdict::prefer_recompilation
                                     : Verdict::unsupported;
  return {verdict,
          fmt::format("made for {} {}, target has {}", key, join(needs, ","), join(has, ", "))};
}

Field compare_version(std::string_view key, const std::vector<std::string>& needs,
                      const std::vector<std::string>& has) {
  auto wanted = Version::parse(needs.front());
  auto there = has.empty() ? fail(ErrorKind::not_found, "none") : Version::parse(has.front());
  std::string reason = fmt::format("made with {} {}, target has {}", key, needs.front(),
                                   has.empty() ? "none" : has.front());
  if (has.empty()) return {Verdict::unsupported, std::move(reason)};
  if (!wanted || !there) return {Verdict::not_applicable, std::move(reason)};
  auto order = *there <=> *wanted;
  return {order == 0  ? Verdict::optimal
          : order > 0 ? Verdict::prefer_recompilation
                      : Verdict::unsupported,
          std::move(reason)};
}

Field compare_number(std::string_view key, const std::vector<std::string>& needs,
                     const std::vector<std::string>& has) {
  auto wanted = parse_number(needs.front());
  auto there = has.empty() ? std::optional<std::uint64_t>(0) : parse_number(has.front());
  std::string reason = fmt::format("made for {} {}, target has {}", key, needs.front(),
                                   has.empty() ? "none" : has.front());
  if (!wanted || !there) return {Verdict::not_applicable, std::move(reason)};
  return {*there >= *wanted ? Verdict::optimal : Verdict::unsupported, std::move(reason)};
}

Field compare_set(std::string_view key, const std::vector<std::string>& needs,
                  const std::vector<std::string>& has) {
  std::vector<std::string> missing;
  for (const auto& value : needs) {
    if (std::ranges::find(has, value) == has.end()) missing.push_back(value);
  }
  if (missing.empty())
    return {Verdict::optimal, fmt::format("{} has all of {}", key, join(needs, ", "))};
  return {Verdict::unsupported, fmt::format("made for {} {}, target lacks {}", key,
                                            join(needs, ", "), join(missing, ", "))};
}

Field compare_field(const std::string& key, const std::vector<std::string>& needs,
                    const Target& target) {
  const auto* has = find_fact(target.facts, key);
  if (has == nullptr)
    return {Verdict::not_applicable,
            fmt::format("made for {} {}, the target does not state it", key, join(needs, ", "))};
  const Feature* feature = find_feature(key);
  switch (feature == nullptr ? FeatureKind::set : feature->kind) {
    case FeatureKind::ladder:
      return compare_ladder(key, needs, *has);
    case FeatureKind::version:
      return compare_version(key, needs, *has);
    case FeatureKind::number:
      return compare_number(key, needs, *has);
    case FeatureKind::set:
      return compare_set(key, needs, *has);
  }
  return {Verdict::not_applicable, key};
}

// The worse of two fields decides; among equally bad ones the first.
int severity(Verdict verdict) {
  switch (verdict) {
    case Verdict::optimal:
      return 0;
    case Verdict::prefer_recompilation:
      return 1;
    case Verdict::not_applicable:
      return 2;
    case Verdict::unsupported:
      return 3;
  }
  return 3;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::optimal:
      return "optimal";
    case Verdict::prefer_recompilation:
      return "prefer-recompilation";
    case Verdict::not_applicable:
      return "not-applicable";
    case Verdict::unsupported:
      return "unsupported";
  }
  return "not-applicable";
}

std::string make_compatibility_string(const std::map<std::string, std::string>& fields) {
  std::string out(own_prefix);
  for (const auto& [key, value] : fields)
    out += fmt::format(";{}={}", escaped(key), escaped(value));
  return out;
}

std::optional<CompatibilityAnswer> validate_own(std::string_view, std::string_view text,
                                                const Target& target) {
  if (text != own_prefix && !text.starts_with(std::string(own_prefix) + ";")) return std::nullopt;
  CompatibilityAnswer out{Verdict::optimal, "", std::string(own_prefix)};
  auto parts = split(text, ';');
  for (std::string_view part : std::span(parts).subspan(1)) {
    auto equals = part.find('=');
    auto key = equals == std::string_view::npos ? std::nullopt : unescaped(part.substr(0, equals));
    auto value =
        equals == std::string_view::npos ? std::nullopt : unescaped(part.substr(equals + 1));
    if (!key || !value || key->empty() || value->empty()) {
      return CompatibilityAnswer{
          Verdict::unsupported,
          fmt::format("damaged compatibility text: \"{}\" is not key=value", printable(part)),
          std::string(own_prefix)};
    }
    std::vector<std::string> needs;
    for (std::string_view item : split(*value, ',')) needs.emplace_back(item);
    Field field = compare_field(*key, needs, target);
    if (out.reason.empty() || severity(field.verdict) > severity(out.verdict))
      out.reason = std::move(field.reason);
    if (severity(field.verdict) > severity(out.verdict)) out.verdict = field.verdict;
  }
  if (out.reason.empty()) out.reason = "needs nothing";
  return out;
}

std::optional<std::string> single_fact(const Target& target, std::string_view feature) {
  const auto* values = find_fact(target.facts, feature);
  if (values == nullptr || values->size() != 1) return std::nullopt;
  return values->front();
}

CompatibilityAnswer validate_compatibility(std::string_view ep,
                                           std::string_view compatibility_string,
                                           const Target& target) {
  if (compatibility_string.empty())
    return {Verdict::not_applicable, "the variant has no compatibility string", ""};
  for (auto rule : {validate_own, validate_qnn, validate_openvino, validate_tensorrt}) {
    if (auto answer = rule(ep, compatibility_string, target)) return *answer;
  }
  return {Verdict::not_applicable,
          fmt::format("no rule here knows the compatibility text of {}",
                      ep.empty() ? "this variant" : ep),
          ""};
}

}  // namespace onnxpack::target
