#include "world.h"

#include <functional>
#include <random>

#include "onnxpack/target/requirement.h"
#include "onnxpack/target/vocabulary.h"

namespace onnxpack::select::testing {

std::string digest_of(const std::string& name) {
  std::mt19937 random(static_cast<std::uint32_t>(std::hash<std::string>()(name)));
  std::string out;
  for (int i = 0; i < 64; ++i) out += "0123456789abcdef"[random() % 16];
  return out;
}

manifest::Manifest package(std::vector<manifest::Variant> variants) {
  manifest::Manifest out;
  manifest::Component component;
  component.name = "model";
  component.model = "components/model/model.onnx";
  component.original.file_name = "model.onnx";
  component.original.sha256 = digest_of("original");
  manifest::Dimension batch{std::nullopt, "batch"};
  manifest::Dimension three{3, ""};
  component.inputs = {
      {"x", "tensor(float)", {{batch, three, {}, {}}}},
      {"ids", "tensor(int64)", {{manifest::Dimension{1, ""}, manifest::Dimension{8, ""}}}}};
  component.scopes.push_back({"model", "scope-digest/1:x", 1, {}, {}, {}});
  out.components.push_back(component);
  for (auto& variant : variants) {
    for (const auto& blob : variant.partitions.front().blobs) {
      out.members.push_back({blob.member, 1000, digest_of(blob.member), ""});
    }
    out.variants.push_back(std::move(variant));
  }
  return out;
}

manifest::Variant variant(const std::string& name, const std::string& target,
                          const std::string& ep) {
  auto profile = *target::find_profile(target);
  manifest::Variant out;
  out.name = name;
  out.component = "model";
  out.backend = "test";
  out.ep = ep;
  out.device = target::primary_accelerator(profile);
  out.target = profile.name;
  out.requirements = target::requirements_of(profile);
  manifest::Partition whole;
  whole.scope = "model";
  whole.blobs.push_back({"variants/" + name + "/blob", "model"});
  out.partitions.push_back(whole);
  return out;
}

manifest::Evidence measured(const manifest::Manifest& manifest, const std::string& device,
                            const std::string& subject, double median_ms, std::uint64_t threads) {
  manifest::Evidence out;
  out.device = *target::find_profile(device);
  manifest::EvidenceEntry entry;
  entry.component = "model";
  entry.component_sha256 = manifest.components.front().original.sha256;
  entry.variant = subject;
  if (!subject.empty()) {
    const auto* found = manifest.find_variant(subject);
    for (const auto& blob : found->partitions.front().blobs)
      entry.blobs.push_back(manifest.find_member(blob.member)->sha256);
  }
  entry.latency = manifest::Latency{1, 1, median_ms, median_ms, median_ms, 10, threads};
  out.entries.push_back(entry);
  return out;
}

Request request_for(const std::string& target) {
  Request out;
  out.target = *target::find_profile(target);
  return out;
}

std::string ladder_text(const Result<Selection>& selection) {
  if (!selection) return "error: " + selection.error().message();
  std::string out;
  for (const auto& ranked : selection->ladder) {
    if (!out.empty()) out += " > ";
    out += ranked.variant.empty() ? "(original)" : ranked.variant;
  }
  return out;
}

}  // namespace onnxpack::select::testing
