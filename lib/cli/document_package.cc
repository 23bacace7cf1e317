#include "document_parts.h"
#include "documents.h"
#include "onnxpack/package/lowered.h"
#include "package_view.h"

namespace onnxpack::cli {
namespace {

template <typename T>
json::Array shape_array(const std::vector<T>& shape) {
  json::Array out;
  for (const auto& size : shape) out.emplace_back(size);
  return out;
}

json::Value source(const std::optional<manifest::SourceModel>& source) {
  if (!source) return nullptr;
  json::Object data(source->external_data.begin(), source->external_data.end());
  return json::object(
      {{"file_name", source->file_name},
       {"size", source->size},
       {"sha256", source->sha256},
       {"external_sha256", std::move(data)},
       {"derived_from", source->derived_from},
       {"transformations", each(source->transformations, [](const auto& step) {
          return json::object({{"name", step.name}, {"parameters", step.parameters}});
        })}});
}

json::Value component(const package::PackageFile& package, const manifest::Component& component) {
  auto to_lower =
      package::lowered_nodes(package, component).value_or(std::vector<package::LoweredNode>());
  json::Object opsets;
  for (const auto& [domain, version] : component.opset_imports) opsets.emplace(domain, version);
  return json::object(
      {{"name", component.name},
       {"file_name", component.original.file_name},
       {"size", component.original.size},
       {"sha256", component.original.sha256},
       {"held", package.holds(component.model)},
       {"stands_as_files", stands_as_files(package, component)},
       {"ir_version", component.ir_version},
       {"opset_imports", std::move(opsets)},
       {"producer", component.producer},
       {"inputs", each(component.inputs, [](const auto& value) { return to_json(value); })},
       {"outputs", each(component.outputs, [](const auto& value) { return to_json(value); })},
       {"external_data", each(component.external_data,
                              [&](const manifest::ExternalData& data) {
                                const manifest::Member* member =
                                    package.manifest().find_member(data.member);
                                return json::object({{"location", data.location},
                                                     {"size", member == nullptr ? 0 : member->size},
                                                     {"held", package.holds(data.member)}});
                              })},
       {"scopes", each(component.scopes,
                       [](const manifest::Scope& scope) {
                         return json::object({{"name", scope.name},
                                              {"digest", scope.digest},
                                              {"node_count", scope.node_count},
                                              {"inputs", strings(scope.inputs)},
                                              {"outputs", strings(scope.outputs)}});
                       })},
       {"to_lower", each(to_lower, [](const package::LoweredNode& node) {
          return json::object({{"name", node.name},
                               {"operator", "ai.onnx.preview::FlexAttention"},
                               {"why_not_tileable", node.why_expanded}});
        })}});
}

json::Value variant(const package::PackageFile& package, const manifest::Variant& variant,
                    const target::Target& host) {
  HostAnswer here = answer_for(variant, host);
  json::Object shapes;
  for (const auto& [input, shape] : variant.fixed_shapes) shapes.emplace(input, shape_array(shape));
  json::Object tools;
  for (const auto& [tool, version] : variant.provenance.tools) tools.emplace(tool, version);
  json::Array blobs;
  json::Array scopes;
  for (const manifest::Partition& partition : variant.partitions) {
    scopes.emplace_back(partition.scope);
    for (const manifest::Blob& blob : partition.blobs) {
      const manifest::Member* member = package.manifest().find_member(blob.member);
      blobs.push_back(json::object({{"member", blob.member},
                                    {"role", blob.role},
                                    {"size", member == nullptr ? 0 : member->size},
                                    {"sha256", member == nullptr ? "" : member->sha256}}));
    }
  }
  return json::object(
      {{"name", variant.name},
       {"component", variant.component},
       {"target", variant.target},
       {"backend", variant.backend},
       {"ep", variant.ep},
       {"device", variant.device},
       {"precision", variant.precision},
       {"size", variant_size(package.manifest(), variant)},
       {"stored_size", variant_own_size(package, variant)},
       {"held", holds_variant(package, variant)},
       {"requirements",
        each(variant.requirements, [](const auto& need) { return target::to_json(need); })},
       {"compatibility_string", variant.compatibility_string},
       {"compatibility_hash", variant.compatibility_hash},
       {"fixed_shapes", std::move(shapes)},
       {"scopes", std::move(scopes)},
       {"blobs", std::move(blobs)},
       {"coverage", json::object({{"covered_nodes", variant.coverage.covered_nodes},
                                  {"total_nodes", variant.coverage.total_nodes}})},
       {"provenance", json::object({{"tools", std::move(tools)},
                                    {"backend_digest", variant.provenance.backend_digest},
                                    {"options", variant.provenance.options},
                                    {"build_key", variant.provenance.build_key},
                                    {"license", variant.provenance.license},
                                    {"deterministic", variant.provenance.deterministic},
                                    {"source", source(variant.provenance.source)}})},
       {"here", json::object({{"outcome", to_string(here.outcome)}, {"reason", here.reason}})}});
}

}  // namespace

json::Value to_json(const manifest::ValueInfo& value) {
  json::Value shape = nullptr;
  if (value.shape) {
    shape = each(*value.shape, [](const manifest::Dimension& dimension) -> json::Value {
      if (dimension.value) return *dimension.value;
      if (!dimension.name.empty()) return dimension.name;
      return nullptr;
    });
  }
  return json::object({{"name", value.name}, {"type", value.type}, {"shape", std::move(shape)}});
}

json::Value package_document(const package::PackageFile& package, const target::Target& host) {
  const manifest::Manifest& manifest = package.manifest();
  json::Value out = document("package");
  out["id"] = package.id();
  out["file_size"] = package.file_size();
  out["format"] =
      json::object({{"major", manifest.version.major}, {"minor", manifest.version.minor}});
  out["package"] = json::object({{"name", manifest.package.name},
                                 {"version", manifest.package.version},
                                 {"description", manifest.package.description},
                                 {"licenses", strings(manifest.package.licenses)}});
  out["components"] =
      each(manifest.components, [&](const auto& item) { return component(package, item); });
  out["variants"] =
      each(manifest.variants, [&](const auto& item) { return variant(package, item, host); });
  out["attachments"] =
      each(manifest.attachments, [](const auto& item) { return json::Value(item.member); });
  out["members"] = each(manifest.members, [&](const manifest::Member& member) {
    return json::object({{"name", member.name},
                         {"size", member.size},
                         {"sha256", member.sha256},
                         {"held", package.holds(member.name)},
                         {"stored_size", package.stored_size(member.name)}});
  });
  out["sizes"] = each(size_breakdown(package), [](const SizeLine& line) {
    return json::object({{"part", line.part}, {"size", line.size}, {"held", line.held}});
  });
  return out;
}

}  // namespace onnxpack::cli
