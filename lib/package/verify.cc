#include "onnxpack/package/verify.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "component_verifier.h"
#include "integrity.h"
#include "onnxpack/package/backends.h"
#include "runner.h"
#include "ternary_check.h"
#include "variant_trial.h"

namespace onnxpack::package {
namespace {

manifest::EvidenceEntry evidence_entry(const PackageFile& package, const VariantCheck& check,
                                       const std::string& inputs) {
  auto out = evidence_about(package, check.component, check.variant);
  out.runtime = check.runtime;
  out.equivalence = to_string(check.status);
  out.equivalence_reason = check.reason;
  out.inputs = inputs;
  out.latency = check.latency;
  return out;
}

Status record(const Environment& environment, const PackageFile& package,
              const VerifyReport& report, const std::map<std::string, std::string>& inputs,
              const std::filesystem::path& path) {
  manifest::Evidence evidence;
  evidence.package_id = package.id();
  ONNXPACK_TRY(evidence.device, host_target(environment));
  evidence.producer = fmt::format("onnx-pack {}", environment.version);
  for (const auto& check : report.variants) {
    // Nothing was learnt about what is not here, and evidence is no place for that.
    if (check.status == CheckStatus::absent || check.status == CheckStatus::not_run) continue;
    auto digest = inputs.find(check.component);
    evidence.entries.push_back(
        evidence_entry(package, check, digest == inputs.end() ? "" : digest->second));
  }
  return environment.files->write_text(path, json::canonical(manifest::to_json(evidence)),
                                       io::Overwrite::yes);
}

bool all_holds(const VerifyRequest& request, const VerifyReport& report) {
  auto bad = [&](CheckStatus status) {
    if (status == CheckStatus::failed) return true;
    return request.require_verified &&
           (status == CheckStatus::not_run || status == CheckStatus::weak_input);
  };
  bool integrity = std::ranges::none_of(
      report.integrity, [](const auto& check) { return check.status == CheckStatus::failed; });
  return integrity && std::ranges::none_of(report.variants,
                                           [&](const auto& check) { return bad(check.status); });
}

}  // namespace

std::string_view to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::passed:
      return "passed";
    case CheckStatus::failed:
      return "failed";
    case CheckStatus::not_run:
      return "not-run";
    case CheckStatus::weak_input:
      return "weak-input";
    case CheckStatus::absent:
      return "absent";
  }
  return "failed";
}

Result<VerifyReport> verify(const Environment& environment, const PackageFile& package,
                            const VerifyRequest& request) {
  VerifyReport report;
  report.package_id = package.id();
  ONNXPACK_CHECK(check_variant_names(package, request.variants));
  ONNXPACK_CHECK(check_integrity(environment, package, report));
  report.ok = all_holds(request, report);
  // Blobs whose digests are wrong are not run.
  if (request.integrity_only || !report.ok) return report;

  ONNXPACK_TRY(auto runner, Runner::start(environment, package));
  std::map<std::string, std::string> inputs;
  for (const auto& component : package.manifest().components) {
    std::vector<const manifest::Variant*> variants;
    for (const auto& variant : package.manifest().variants) {
      bool asked = request.variants.empty() ||
                   std::ranges::find(request.variants, variant.name) != request.variants.end();
      if (variant.component == component.name && asked) variants.push_back(&variant);
    }
    if (!package.holds(component.model)) {
      for (const auto* variant : variants) {
        report.variants.push_back(
            {variant->name,
             component.name,
             CheckStatus::not_run,
             "the original graph is not in this package, so there is nothing to compare with",
             "",
             "",
             {},
             {}});
      }
      continue;
    }
    for (const auto* variant : variants) {
      if (!is_ternarized(*variant) || !holds_blobs(package, *variant)) continue;
      ONNXPACK_TRY(auto check, check_ternary_weights(environment, package, component, *variant));
      report.integrity.push_back(std::move(check));
    }
    ComponentVerifier verifier(environment, package, request, *runner, component, report);
    ONNXPACK_CHECK(verifier.run(variants));
    inputs[component.name] = verifier.inputs_digest();
  }
  report.ok = all_holds(request, report);
  if (request.record) ONNXPACK_CHECK(record(environment, package, report, inputs, *request.record));
  return report;
}

}  // namespace onnxpack::package
