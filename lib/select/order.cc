#include "order.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::select {
namespace {

bool about_accelerator(std::string_view feature) {
  static constexpr auto prefixes = std::to_array<std::string_view>(
      {"accelerator.", "amd.", "apple.", "intel.", "metal.", "nvidia.", "qualcomm.", "vulkan."});
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return feature.starts_with(prefix); });
}

// The generation number inside "75", "90_real".
std::uint64_t generation(const target::Requirement& needs) {
  if (needs.feature != "qualcomm.htp_arch" && needs.feature != "nvidia.sm_arch") return 0;
  if (needs.test == target::Test::at_most || needs.values.empty()) return 0;
  std::uint64_t best = 0;
  for (std::string_view value : needs.values) {
    best = std::max(best, target::parse_number(value.substr(0, value.find('_'))).value_or(0));
  }
  return best;
}

int rank_of(target::Verdict verdict) {
  switch (verdict) {
    case target::Verdict::optimal:
      return 0;
    case target::Verdict::prefer_recompilation:
      return 1;
    case target::Verdict::not_applicable:
      return 2;
    case target::Verdict::unsupported:
      return 3;
  }
  return 3;
}

std::string name_of(const Key& key) {
  return key.tier == Tier::original || key.tier == Tier::original_to_lower ? "the original graph"
                                                                           : key.label;
}

std::string milliseconds(double value) {
  return fmt::format("{:.{}f} ms", value, value < 10 ? 2 : 1);
}

std::string latency_difference(const Key& winner, const Key& next) {
  return fmt::format("measured latency ({} against {} of {})", milliseconds(*winner.median_ms),
                     milliseconds(*next.median_ms), name_of(next));
}

std::string tier_difference(const Key& winner, const Key& next) {
  if (winner.median_ms && next.median_ms) return latency_difference(winner, next);
  switch (winner.tier) {
    case Tier::measured_faster:
      return fmt::format("measured faster than the original graph ({}); {} is not measured",
                         milliseconds(*winner.median_ms), name_of(next));
    case Tier::presumed_faster:
      return fmt::format(
          "{} without a measurement against {}: accelerators the target states, and what the "
          "caller puts there, "
          "stand above it",
          name_of(winner), name_of(next));
    case Tier::original:
      return next.median_ms ? fmt::format(
                                  "the original graph is not measured on such a device, so {} may "
                                  "be slower than it",
                                  name_of(next))
                            : fmt::format(
                                  "{} is not measured on such a device: without a measurement "
                                  "code for a CPU, or for any GPU, stands below the original graph",
                                  name_of(next));
    case Tier::measured_slower:
    case Tier::unmeasured:
    case Tier::original_to_lower:
      break;
  }
  if (next.tier == Tier::original_to_lower)
    return "the original graph has operators that a runtime loads only lowered";
  return "measured before unmeasured";
}

}  // namespace

std::string_view Specificity::name(std::size_t part) {
  static constexpr std::array<std::string_view, parts> names = {
      "facts about the accelerator", "accelerator generation",
      "architecture level",          "instruction sets",
      "microarchitecture",           "requirements"};
  return names[part];
}

Specificity specificity_of(const manifest::Variant& variant) {
  std::set<std::string_view> accelerator;
  std::set<std::string_view> all;
  std::set<std::string> sets;
  Specificity out;
  for (const auto& needs : variant.requirements) {
    all.insert(needs.feature);
    if (about_accelerator(needs.feature)) accelerator.insert(needs.feature);
    out.values[1] = std::max(out.values[1], generation(needs));
    // Alternatives are as specific as the least of them.
    if (!target::ladder_steps(needs.feature).empty() && !needs.values.empty()) {
      std::size_t height = target::ladder_steps(needs.feature).size();
      for (const auto& value : needs.values)
        height = std::min(height, target::ladder_height(needs.feature, {value}));
      if (height == 0) continue;
      out.values[2] = std::max<std::uint64_t>(out.values[2], height);
      for (auto& set : target::promised_features(needs.feature,
                                                 target::ladder_steps(needs.feature)[height - 1])) {
        sets.insert(std::move(set));
      }
    }
    if (needs.feature == "cpu.features" && needs.test == target::Test::all_of)
      sets.insert(needs.values.begin(), needs.values.end());
    if (needs.feature == "cpu.microarchitecture") out.values[4] = 1;
  }
  out.values[0] = accelerator.size();
  out.values[3] = sets.size();
  out.values[5] = all.size();
  return out;
}

std::strong_ordering compare(const Key& a, const Key& b) {
  if (auto order = a.tier <=> b.tier; order != 0) return order;
  if (a.median_ms.has_value() != b.median_ms.has_value()) {
    return a.median_ms ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  if (a.median_ms) {
    // Finite by the reader's check, so this is a total order.
    if (*a.median_ms < *b.median_ms) return std::strong_ordering::less;
    if (*a.median_ms > *b.median_ms) return std::strong_ordering::greater;
  }
  if (auto order = a.accelerator <=> b.accelerator; order != 0) return order;
  if (auto order = b.specificity <=> a.specificity; order != 0) return order;
  if (auto order = rank_of(a.verdict) <=> rank_of(b.verdict); order != 0) return order;
  if (a.exact != b.exact)
    return a.exact ? std::strong_ordering::less : std::strong_ordering::greater;
  if (auto order = a.download <=> b.download; order != 0) return order;
  return a.label <=> b.label;
}

std::string difference(const Key& winner, const Key& next) {
  if (winner.tier != next.tier) return tier_difference(winner, next);
  if (winner.median_ms.has_value() != next.median_ms.has_value()) {
    return fmt::format("measured ({}); {} is not", milliseconds(*winner.median_ms), name_of(next));
  }
  if (winner.median_ms != next.median_ms) return latency_difference(winner, next);
  if (winner.accelerator != next.accelerator) {
    return fmt::format("the target's order of accelerators, against {}", name_of(next));
  }
  for (std::size_t i = 0; i < Specificity::parts; ++i) {
    if (winner.specificity.values[i] == next.specificity.values[i]) continue;
    return fmt::format("specificity: {} ({} against {} of {})", Specificity::name(i),
                       winner.specificity.values[i], next.specificity.values[i], name_of(next));
  }
  if (winner.verdict != next.verdict) {
    return fmt::format("compatibility ({} against {} of {})", target::to_string(winner.verdict),
                       target::to_string(next.verdict), name_of(next));
  }
  if (winner.exact != next.exact)
    return fmt::format("built for this very target, {} was not", name_of(next));
  if (winner.download != next.download) {
    return fmt::format("smaller download ({} against {} of {})", human_size(winner.download),
                       human_size(next.download), name_of(next));
  }
  return fmt::format("the order of names; nothing else tells it from {}", name_of(next));
}

}  // namespace onnxpack::select
