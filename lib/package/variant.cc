#include "variant.h"

#include <fmt/format.h>

#include <algorithm>

#include "onnxpack/crypto/digest.h"
#include "onnxpack/target/requirement.h"

namespace onnxpack::package {
namespace {

std::vector<manifest::ValueInfo> to_manifest(const std::vector<protocol::Port>& ports) {
  std::vector<manifest::ValueInfo> out;
  for (const auto& port : ports) {
    manifest::ValueInfo& value = out.emplace_back();
    value.name = port.name;
    value.type = port.type;
    if (!port.shape) continue;
    value.shape.emplace();
    for (const auto& dimension : *port.shape)
      value.shape->push_back({dimension.value, dimension.name});
  }
  return out;
}

// What the target itself demands, and what the backend adds.
std::vector<target::Requirement> requirements(const target::Target& target,
                                              const protocol::VariantAnswer& answer) {
  std::vector<target::Requirement> out = target::requirements_of(target);
  for (const auto& requirement : answer.requirements) {
    if (std::ranges::find(out, requirement) == out.end()) out.push_back(requirement);
  }
  return out;
}

}  // namespace

manifest::Variant make_variant(const Job& job, const target::Target& target,
                               const protocol::VariantAnswer& answer,
                               const std::string& build_key) {
  manifest::Variant out;
  out.name = job.request.variant_name + answer.suffix;
  out.component = job.request.component.name;
  out.backend = job.backend->program.name;
  out.ep = answer.ep;
  out.device = answer.device;
  out.target = target.name;
  for (const auto& [feature, values] : target.facts) {
    out.target_facts[feature] = json::Array(values.begin(), values.end());
  }
  out.requirements = requirements(target, answer);
  out.compatibility_string = answer.compatibility_string;
  if (!answer.compatibility_string.empty())
    out.compatibility_hash = crypto::sha256(answer.compatibility_string).hex();
  out.precision = job.source == nullptr
                      ? answer.precision
                      : coarser_precision(job.source->precision, answer.precision);
  out.fixed_shapes = answer.fixed_shapes;
  out.executor_info = answer.executor_info;
  for (const auto& partition : answer.partitions) {
    manifest::Partition& to = out.partitions.emplace_back();
    to.scope = partition.scope;
    for (const auto& blob : partition.blobs)
      to.blobs.push_back({fmt::format("variants/{}/{}", out.name, blob.path), blob.role});
    to.inputs = to_manifest(partition.inputs);
    to.outputs = to_manifest(partition.outputs);
  }
  out.references = answer.references;
  out.coverage = {answer.coverage.covered_nodes, answer.coverage.total_nodes};
  out.provenance.tools = answer.tools;
  out.provenance.backend_digest = job.backend->program_sha256;
  out.provenance.options = job.request.options;
  out.provenance.build_key = build_key;
  if (job.source != nullptr) out.provenance.source = job.source->description;
  out.provenance.license = answer.license;
  out.provenance.deterministic = job.backend->description.deterministic;
  return out;
}

}  // namespace onnxpack::package
