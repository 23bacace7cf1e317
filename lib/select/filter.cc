#include "filter.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::select {
namespace {

using target::Outcome;

// What the variant says it needs, and the accelerator that `device` implies when it does not say so
// itself.
std::vector<target::Requirement> requirements(const manifest::Variant& variant) {
  auto out = variant.requirements;
  bool says_class = std::ranges::any_of(
      out, [](const auto& needs) { return needs.feature == "accelerator.class"; });
  if (variant.device != "cpu" && !says_class) {
    out.insert(out.begin(), {"accelerator.class", target::Test::any_of, {variant.device}});
  }
  return out;
}

void refuse(Filtered& out, Place place, std::string reason) {
  out.ranked.place = place;
  out.ranked.reason = std::move(reason);
}

bool check_requirements(const Request& request, const manifest::Variant& variant, Filtered& out) {
  std::optional<std::string> unmet;
  std::optional<std::string> unknown;
  for (const auto& needs : requirements(variant)) {
    auto check = target::check(needs, request.target);
    if (check.outcome == Outcome::met) continue;
    ++out.failures;
    auto& first = check.outcome == Outcome::not_met ? unmet : unknown;
    if (!first) first = std::move(check.reason);
  }
  // A requirement that is surely not met says more than one that nobody can judge.
  if (unmet) {
    refuse(out, Place::incompatible, std::move(*unmet));
  } else if (unknown) {
    refuse(out, Place::unknown, std::move(*unknown));
  }
  return out.failures == 0;
}

// True when the graph itself has just this shape, so that fixing it restricts nothing.
bool is_own_shape(const manifest::Component& component, const std::string& input,
                  const std::vector<std::int64_t>& shape) {
  auto it = std::ranges::find(component.inputs, input, &manifest::ValueInfo::name);
  if (it == component.inputs.end() || !it->shape || it->shape->size() != shape.size()) return false;
  return std::ranges::equal(*it->shape, shape, [](const auto& dimension, std::int64_t size) {
    return dimension.value == size;
  });
}

bool check_shapes(const manifest::Manifest& manifest, const Request& request,
                  const manifest::Variant& variant, Filtered& out) {
  std::vector<std::string> only;
  for (const auto& [input, shape] : variant.fixed_shapes) {
    auto stated = request.input_shapes.find(input);
    if (stated != request.input_shapes.end()) {
      if (stated->second == shape) continue;
      refuse(out, Place::incompatible,
             fmt::format("compiled for {}; the application uses {}", shape_text(input, shape),
                         shape_text(input, stated->second)));
      return false;
    }
    const auto* component = manifest.find_component(variant.component);
    if (component == nullptr || !is_own_shape(*component, input, shape))
      only.push_back(shape_text(input, shape));
  }
  if (!only.empty()) {
    out.ranked.notes.push_back(fmt::format(
        "serves only {}; other shapes fall back to the original graph", join(only, ", ")));
  }
  return true;
}

bool check_compatibility(const Request& request, const manifest::Variant& variant, Filtered& out) {
  auto answer =
      target::validate_compatibility(variant.ep, variant.compatibility_string, request.target);
  out.ranked.verdict = answer.verdict;
  if (answer.verdict == target::Verdict::unsupported) {
    refuse(out, Place::incompatible, answer.reason);
    return false;
  }
  if (!variant.compatibility_string.empty() && answer.verdict != target::Verdict::optimal) {
    out.ranked.notes.push_back(
        fmt::format("compatibility {}: {}", target::to_string(answer.verdict), answer.reason));
  }
  return true;
}

}  // namespace

std::string shape_text(const std::string& input, const std::vector<std::int64_t>& shape) {
  return fmt::format("{}=[{}]", printable(input), fmt::join(shape, ","));
}

Filtered filter(const manifest::Manifest& manifest, const Request& request,
                const EvidenceIndex& evidence, const manifest::Variant& variant) {
  Filtered out;
  out.ranked.variant = variant.name;
  out.ranked.place = Place::compatible;
  if (!check_requirements(request, variant, out)) return out;
  if (!check_shapes(manifest, request, variant, out)) return out;
  if (!check_compatibility(request, variant, out)) return out;
  if (!request.ep_order.empty() && variant.ep != request.ep_order.front()) {
    refuse(out, Place::incompatible,
           fmt::format("made for {}; the primary execution provider asked for is {}", variant.ep,
                       request.ep_order.front()));
    return out;
  }
  if (auto why = evidence.failed(variant)) refuse(out, Place::incompatible, std::move(*why));
  return out;
}

}  // namespace onnxpack::select
