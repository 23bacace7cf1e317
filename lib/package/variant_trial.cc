#include "variant_trial.h"

#include <algorithm>

#include <fmt/format.h>

#include "members.h"
#include "onnxpack/base/text.h"

namespace onnxpack::package {

Status check_variant_names(const PackageFile& package, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const auto& variant : package.manifest().variants) known.push_back(variant.name);
  for (const auto& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    auto near = did_you_mean(name, known);
    return fail(
        ErrorKind::not_found,
        fmt::format("{}: no variant '{}'", printable(package.path().string()), printable(name)),
        near ? fmt::format("did you mean '{}'?", *near) : "");
  }
  return {};
}

bool holds_blobs(const PackageFile& package, const manifest::Variant& variant) {
  return std::ranges::all_of(own_members(variant),
                             [&](const auto& member) { return package.holds(member); });
}

Shapes shapes_for(const std::vector<const manifest::Variant*>& variants, const Shapes& named) {
  Shapes out;
  for (const manifest::Variant* variant : variants) {
    if (variant->fixed_shapes.empty()) continue;
    out = variant->fixed_shapes;
    break;
  }
  for (const auto& [name, shape] : named) out.erase(name);
  return out;
}

manifest::EvidenceEntry evidence_about(const PackageFile& package, const std::string& component,
                                       const std::string& variant) {
  const manifest::Manifest& manifest = package.manifest();
  manifest::EvidenceEntry out;
  out.component = component;
  if (const auto* found = manifest.find_component(component))
    out.component_sha256 = found->original.sha256;
  out.variant = variant;
  if (const auto* found = manifest.find_variant(variant)) {
    for (const auto& partition : found->partitions) {
      for (const auto& blob : partition.blobs) {
        if (const auto* member = manifest.find_member(blob.member))
          out.blobs.push_back(member->sha256);
      }
    }
  }
  return out;
}

}  // namespace onnxpack::package
