#include <algorithm>

#include <fmt/format.h>

#include "fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/manifest/manifest.h"
#include "value_info.h"

namespace onnxpack::manifest {
namespace {

json::Value integers(const std::vector<std::int64_t>& values) {
  return json::Array(values.begin(), values.end());
}

json::Value to_json(const PackageInfo& info) {
  json::Value out = json::Object();
  put(out, "name", info.name);
  put(out, "version", info.version);
  put(out, "description", info.description);
  put(out, "licenses", info.licenses);
  write_unknown(out, info.unknown);
  return out;
}

json::Value to_json(const Scope& scope) {
  json::Value out = json::object(
      {{"name", scope.name}, {"digest", scope.digest}, {"node_count", scope.node_count}});
  put(out, "inputs", scope.inputs);
  put(out, "outputs", scope.outputs);
  put(out, "node_outputs", scope.node_outputs);
  write_unknown(out, scope.unknown);
  return out;
}

json::Value to_json(const Original& original) {
  json::Value out = json::object({{"file_name", original.file_name},
                                  {"transformation", original.transformation},
                                  {"size", original.size},
                                  {"sha256", original.sha256}});
  write_unknown(out, original.unknown);
  return out;
}

json::Value to_json(const ExternalData& data) {
  json::Value out = json::object({{"member", data.member}, {"location", data.location}});
  write_unknown(out, data.unknown);
  return out;
}

json::Value to_json(const Component& component) {
  json::Value out = json::object({{"component_name", component.name},
                                  {"model", component.model},
                                  {"original", to_json(component.original)},
                                  {"ir_version", component.ir_version}});
  json::Object opsets;
  for (const auto& [domain, version] : component.opset_imports) opsets[domain] = version;
  out["opset_imports"] = std::move(opsets);
  put(out, "producer", component.producer);
  auto write = [](const auto& item) { return to_json(item); };
  put_array(out, "external_data", component.external_data, write);
  put_array(out, "inputs", component.inputs, value_info_to_json);
  put_array(out, "outputs", component.outputs, value_info_to_json);
  put_array(out, "scopes", component.scopes, write);
  write_unknown(out, component.unknown);
  return out;
}

json::Value to_json(const Attachment& attachment) {
  json::Value out = json::object({{"member", attachment.member}});
  write_unknown(out, attachment.unknown);
  return out;
}

json::Value to_json(const Blob& blob) {
  json::Value out = json::object({{"member", blob.member}, {"role", blob.role}});
  write_unknown(out, blob.unknown);
  return out;
}

json::Value to_json(const Partition& partition) {
  json::Value out = json::object({{"scope", partition.scope}});
  put_array(out, "blobs", partition.blobs, [](const Blob& blob) { return to_json(blob); });
  put_array(out, "inputs", partition.inputs, value_info_to_json);
  put_array(out, "outputs", partition.outputs, value_info_to_json);
  write_unknown(out, partition.unknown);
  return out;
}

json::Value to_json(const Coverage& coverage) {
  json::Value out = json::object(
      {{"covered_nodes", coverage.covered_nodes}, {"total_nodes", coverage.total_nodes}});
  write_unknown(out, coverage.unknown);
  return out;
}

json::Value to_json(const AppliedTransformation& step) {
  json::Value out = json::object({{"name", step.name}});
  put(out, "parameters", step.parameters);
  write_unknown(out, step.unknown);
  return out;
}

json::Value to_json(const SourceModel& source) {
  json::Value out = json::object(
      {{"file_name", source.file_name}, {"size", source.size}, {"sha256", source.sha256}});
  put(out, "external_sha256",
      json::Object(source.external_data.begin(), source.external_data.end()));
  put(out, "derived_from", source.derived_from);
  put_array(out, "transformations", source.transformations,
            [](const auto& item) { return to_json(item); });
  write_unknown(out, source.unknown);
  return out;
}

json::Value to_json(const Provenance& provenance) {
  json::Value out = json::object({{"deterministic", provenance.deterministic}});
  put(out, "tools", json::Object(provenance.tools.begin(), provenance.tools.end()));
  put(out, "backend_digest", provenance.backend_digest);
  put(out, "options", provenance.options);
  put(out, "build_key", provenance.build_key);
  put(out, "license", provenance.license);
  if (provenance.source) out["source"] = to_json(*provenance.source);
  write_unknown(out, provenance.unknown);
  return out;
}

json::Value to_json(const Variant& variant) {
  json::Value out = json::object({{"name", variant.name},
                                  {"component_name", variant.component},
                                  {"backend", variant.backend},
                                  {"ep", variant.ep},
                                  {"device", variant.device},
                                  {"coverage", to_json(variant.coverage)},
                                  {"provenance", to_json(variant.provenance)}});
  put(out, "target", variant.target);
  put(out, "target_facts", variant.target_facts);
  put_array(out, "requirements", variant.requirements,
            [](const auto& item) { return target::to_json(item); });
  put(out, "compatibility_string", variant.compatibility_string);
  put(out, "compatibility_hash", variant.compatibility_hash);
  put(out, "precision", variant.precision);
  json::Object shapes;
  for (const auto& [input, shape] : variant.fixed_shapes) shapes[input] = integers(shape);
  put(out, "fixed_shapes", shapes);
  put(out, "executor_info", variant.executor_info);
  put_array(out, "partitions", variant.partitions, [](const auto& item) { return to_json(item); });
  put(out, "references", variant.references);
  write_unknown(out, variant.unknown);
  return out;
}

json::Value to_json(const Member& member) {
  json::Value out =
      json::object({{"name", member.name}, {"size", member.size}, {"sha256", member.sha256}});
  put(out, "chunk_digests", member.chunk_digests);
  write_unknown(out, member.unknown);
  return out;
}

template <typename T, typename Projection>
std::vector<T> sorted(std::vector<T> items, Projection projection) {
  std::ranges::stable_sort(items, {}, projection);
  return items;
}

}  // namespace

std::string to_text(const AppliedTransformation& step) {
  std::string out = step.name;
  for (const auto& [key, value] : step.parameters) {
    out += fmt::format(", {} {}", key,
                       value.is(json::Kind::string) ? value.as_string() : json::compact(value));
  }
  return printable(out);
}

json::Value variant_to_json(const Variant& variant) {
  return to_json(variant);
}

json::Value value_info_to_json(const ValueInfo& value) {
  json::Value out = json::object({{"name", value.name}, {"type", value.type}});
  if (value.shape) {
    json::Array shape;
    for (const Dimension& dimension : *value.shape) {
      if (dimension.value) {
        shape.emplace_back(*dimension.value);
      } else if (!dimension.name.empty()) {
        shape.emplace_back(dimension.name);
      } else {
        shape.emplace_back(nullptr);
      }
    }
    out["shape"] = std::move(shape);
  }
  put(out, "layout", value.layout);
  write_unknown(out, value.unknown);
  return out;
}

std::string emit(const Manifest& manifest) {
  json::Value out = json::Object();
  write_header(out, manifest_format, manifest.version);
  out["package"] = to_json(manifest.package);
  auto write = [](const auto& item) { return to_json(item); };
  put_array(out, "components", sorted(manifest.components, &Component::name), write);
  put_array(out, "attachments", sorted(manifest.attachments, &Attachment::member), write);
  put_array(out, "variants", sorted(manifest.variants, &Variant::name), write);
  put_array(out, "members", manifest.members, write);
  write_unknown(out, manifest.unknown);
  return json::canonical(out);
}

}  // namespace onnxpack::manifest
