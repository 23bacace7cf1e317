#include <algorithm>

#include <fmt/format.h>

#include "filter.h"
#include "onnxpack/base/text.h"
#include "onnxpack/select/select.h"
#include "onnxpack/target/vocabulary.h"
#include "order.h"
#include "ort_policy.h"

namespace onnxpack::select {
namespace {

struct Entry {
  Ranked ranked;
  Key key;
};

std::uint64_t download_size(const manifest::Manifest& manifest, const manifest::Variant& variant) {
  std::uint64_t out = 0;
  for (const auto& partition : variant.partitions) {
    for (const auto& blob : partition.blobs) {
      if (const auto* member = manifest.find_member(blob.member)) out += member->size;
    }
  }
  return out;
}

// Position among the target's accelerators. The CPU comes after all of them: what is presumed of an
// accelerator is not presumed of it, whichever stands first on a host that grew a GPU by a probe.
std::size_t accelerator_position(const Request& request, const std::string& device) {
  const auto* classes = target::find_fact(request.target.facts, "accelerator.class");
  if (classes == nullptr) return device == "cpu" ? 1 : 0;
  if (device == "cpu") return classes->size();
  return static_cast<std::size_t>(std::ranges::find(*classes, device) - classes->begin());
}

// Code for no GPU in particular, Vulkan's. It lost to the CPU in four models of four on an H200, by
// 1.9 to 13 times (docs/backends/iree.md).
bool for_any_gpu(const manifest::Variant& variant) {
  // iree names the size of subgroups where it compiles for one GPU.
  constexpr std::string_view own = "vulkan.subgroup_size";
  if (!through_vulkan(variant) || variant.compatibility_string.contains(own)) return false;
  return std::ranges::none_of(variant.requirements, [&](const target::Requirement& needs) {
    return needs.feature == "accelerator.vendor" || needs.feature == own ||
           target::identifies_accelerator(needs.feature);
  });
}

Tier tier_of(const Request& request, const manifest::Variant& variant,
             const std::optional<manifest::Latency>& latency,
             const std::optional<manifest::Latency>& original) {
  if (latency && original)
    return latency->median_ms < original->median_ms ? Tier::measured_faster : Tier::measured_slower;
  // Nobody compiles for one accelerator to be slower than the CPU, and the CPU's own measurement
  // says nothing about it. For a CPU variant the presumption does not hold: ahead-of-time code lost
  // to ONNX Runtime's kernels by a factor of four (design: 41.8 against 10.5 ms).
  const bool presumed = variant.device != "cpu" && !for_any_gpu(variant);
  if (presumed || request.unmeasured == Unmeasured::above_original) return Tier::presumed_faster;
  return latency ? Tier::measured_slower : Tier::unmeasured;
}

// Operators that no runtime loads without lowering.
bool needs_lowering(const manifest::Manifest& manifest, const manifest::Component& component) {
  auto lowered = [](const manifest::AppliedTransformation& step) {
    return step.name.starts_with("lower-flex-attention/");
  };
  // A model whose functions alone have such operators need not import their domain itself.
  return component.opset_imports.contains("ai.onnx.preview") ||
         std::ranges::any_of(manifest.variants, [&](const manifest::Variant& variant) {
           const auto& source = variant.provenance.source;
           return variant.component == component.name && source &&
                  std::ranges::any_of(source->transformations, lowered);
         });
}

std::string standing(const Entry& entry, const manifest::Variant& variant,
                     const std::optional<manifest::Latency>& original, bool to_lower) {
  const auto& latency = entry.ranked.latency;
  switch (entry.key.tier) {
    case Tier::measured_faster:
    case Tier::measured_slower:
      if (original) {
        return fmt::format("measured {:.2f} ms, the original graph {:.2f} ms", latency->median_ms,
                           original->median_ms);
      }
      return fmt::format(
          "measured {:.2f} ms, but the original graph is not measured on such a device",
          latency->median_ms);
    case Tier::presumed_faster:
      if (variant.device != "cpu" && !for_any_gpu(variant))
        return fmt::format("{} of the target, presumed faster than the original graph",
                           variant.device);
      return "put above the original graph as asked, without a measurement";
    case Tier::unmeasured:
      return to_lower ? "not measured on such a device"
                      : "not measured on such a device: stands below the original graph";
    case Tier::original:
    case Tier::original_to_lower:
      break;
  }
  return "";
}

Entry entry_of(const manifest::Manifest& manifest, const Request& request,
               const EvidenceIndex& evidence, const manifest::Variant& variant, Ranked ranked,
               const std::optional<manifest::Latency>& original, bool to_lower) {
  Entry out{std::move(ranked), {}};
  out.ranked.latency = evidence.of_variant(variant);
  out.key.tier = tier_of(request, variant, out.ranked.latency, original);
  if (out.ranked.latency) out.key.median_ms = out.ranked.latency->median_ms;
  out.key.accelerator = accelerator_position(request, variant.device);
  out.key.specificity = specificity_of(variant);
  out.key.verdict = out.ranked.verdict;
  out.key.exact = !variant.target.empty() && variant.target == request.target.name;
  out.key.download = download_size(manifest, variant);
  out.key.label = variant.name;
  out.ranked.reason = standing(out, variant, original, to_lower);
  return out;
}

Entry original_entry(const std::optional<manifest::Latency>& latency, bool to_lower) {
  Entry out;
  out.ranked.place = Place::compatible;
  out.ranked.latency = latency;
  out.ranked.reason =
      latency ? fmt::format("the original graph, measured {:.2f} ms", latency->median_ms)
              : "the original graph, for whatever else fails";
  out.key.tier = Tier::original;
  if (latency) {
    out.key.median_ms = latency->median_ms;
  } else if (to_lower) {
    out.key.tier = Tier::original_to_lower;
    out.ranked.reason = "the original graph has operators that a runtime loads only lowered";
  }
  return out;
}

std::string decided_by(const std::vector<Entry>& ladder, std::size_t refused) {
  if (ladder.size() > 1) return difference(ladder[0].key, ladder[1].key);
  if (!ladder.front().ranked.variant.empty()) return "the only variant that suits";
  return refused == 0 ? "there is no variant; the original graph serves"
                      : "no variant suits; the original graph serves";
}

Status force(const Request& request, const manifest::Manifest& manifest, std::vector<Entry>& ladder,
             const std::vector<Ranked>& refused) {
  const std::string& wanted = *request.forced_variant;
  auto it =
      std::ranges::find(ladder, wanted, [](const Entry& entry) { return entry.ranked.variant; });
  if (it != ladder.end()) {
    std::rotate(ladder.begin(), it, it + 1);
    return {};
  }
  if (auto miss = std::ranges::find(refused, wanted, &Ranked::variant); miss != refused.end()) {
    return fail(ErrorKind::incompatible,
                fmt::format("variant \"{}\" does not suit target \"{}\": {}", printable(wanted),
                            printable(request.target.name), miss->reason));
  }
  std::vector<std::string> known;
  for (const auto& variant : manifest.variants) {
    if (variant.component == request.component) known.push_back(variant.name);
  }
  auto near = did_you_mean(wanted, known);
  return fail(ErrorKind::not_found,
              fmt::format("component \"{}\" has no variant \"{}\"{}", printable(request.component),
                          printable(wanted), near ? fmt::format("; did you mean {}?", *near) : ""),
              known.empty() ? "this package has the original graph only"
                            : fmt::format("its variants are {}", join(known, ", ")));
}

Result<const manifest::Component*> component_of(const manifest::Manifest& manifest,
                                                const std::string& name) {
  if (const auto* component = manifest.find_component(name)) return component;
  std::vector<std::string> known;
  for (const auto& component : manifest.components) known.push_back(component.name);
  auto near = did_you_mean(name, known);
  return fail(ErrorKind::not_found,
              fmt::format("there is no component \"{}\"{}", printable(name),
                          near ? fmt::format("; did you mean {}?", *near) : ""),
              fmt::format("the package's components are {}", join(known, ", ")));
}

}  // namespace

std::string_view to_string(Place place) {
  switch (place) {
    case Place::selected:
      return "selected";
    case Place::compatible:
      return "compatible";
    case Place::incompatible:
      return "incompatible";
    case Place::unknown:
      return "unknown";
  }
  return "unknown";
}

std::unexpected<Error> nothing_suits(const Request& request,
                                     const std::vector<Ranked>& nearest_first) {
  constexpr std::size_t most = 3;
  std::string message =
      fmt::format("nothing in the package suits target \"{}\"", printable(request.target.name));
  if (nearest_first.empty()) message += ": there is no variant";
  for (std::size_t i = 0; i < std::min(most, nearest_first.size()); ++i) {
    message += fmt::format("{} {} ({})", i == 0 ? "; nearest:" : ",", nearest_first[i].variant,
                           nearest_first[i].reason);
  }
  if (nearest_first.size() > most)
    message += fmt::format(", and {} more", nearest_first.size() - most);
  return fail(ErrorKind::incompatible, std::move(message),
              "build a variant for this target, or allow the original graph as fallback");
}

Result<Selection> rank(const manifest::Manifest& manifest, const Request& request) {
  ONNXPACK_TRY(const manifest::Component* component, component_of(manifest, request.component));
  if (request.policy == Policy::ort) return rank_as_ort(manifest, request, *component);

  EvidenceIndex evidence(manifest, request, *component);
  auto original = evidence.of_original();
  const bool to_lower = needs_lowering(manifest, *component);
  std::vector<Entry> ladder;
  std::vector<Filtered> misses;
  for (const manifest::Variant& variant : manifest.variants) {
    if (variant.component != component->name) continue;
    Filtered filtered = filter(manifest, request, evidence, variant);
    if (filtered.ranked.place != Place::compatible) {
      misses.push_back(std::move(filtered));
    } else {
      ladder.push_back(entry_of(manifest, request, evidence, variant, std::move(filtered.ranked),
                                original, to_lower));
    }
  }
  if (request.fallback == Fallback::keep) ladder.push_back(original_entry(original, to_lower));
  std::ranges::sort(ladder,
                    [](const Entry& a, const Entry& b) { return compare(a.key, b.key) < 0; });

  // Nearest first: what is only not known, then the fewest requirements short, then by name.
  std::ranges::sort(misses, [](const Filtered& a, const Filtered& b) {
    return std::tuple(a.ranked.place != Place::unknown, a.failures, a.ranked.variant) <
           std::tuple(b.ranked.place != Place::unknown, b.failures, b.ranked.variant);
  });
  Selection out;
  for (Filtered& miss : misses) out.refused.push_back(std::move(miss.ranked));
  if (request.forced_variant) ONNXPACK_CHECK(force(request, manifest, ladder, out.refused));
  if (ladder.empty()) return nothing_suits(request, out.refused);
  std::ranges::sort(out.refused, {}, &Ranked::variant);

  out.decided_by =
      request.forced_variant ? "asked for by name" : decided_by(ladder, out.refused.size());
  for (Entry& entry : ladder) out.ladder.push_back(std::move(entry.ranked));
  out.ladder.front().place = Place::selected;
  return out;
}

}  // namespace onnxpack::select
