// manifest.json, version 1:
//
//   format "onnx-pack/manifest", schema_version "major.minor"
//   package       {name, version, description, licenses}
//   components[]  {component_name, model, original, external_data[], ir_version, opset_imports,
//   producer, inputs[], outputs[], scopes[]} attachments[] {member} variants[]    {name,
//   component_name, backend, ep, device, target, target_facts, requirements[],
//   compatibility_string,
//                  compatibility_hash, precision, fixed_shapes, executor_info, partitions[],
//                  coverage, provenance}
//   members[]     {name, size, sha256, chunk_digests}
//
// A field whose value is empty is left out by the writer. Unknown major: refused. Unknown minor:
// unknown fields are kept verbatim.
#include <fmt/format.h>

#include "fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/manifest/manifest.h"
#include "value_info.h"

namespace onnxpack::manifest {
namespace {

using json::Cursor;
using target::UnknownFields;

// Binds the policy, so that readers can be handed to read_array.
template <typename T>
auto with(Result<T> (*read)(const Cursor&, UnknownFields), UnknownFields mode) {
  return [read, mode](const Cursor& cursor) { return read(cursor, mode); };
}

Result<std::vector<std::int64_t>> read_integers(const Cursor& cursor) {
  return json::read_array(cursor, [](const Cursor& item) { return item.integer(0); });
}

Result<Dimension> read_dimension(const Cursor& cursor) {
  if (cursor.value().is(json::Kind::null)) return Dimension{};
  if (cursor.value().is(json::Kind::string)) {
    ONNXPACK_TRY(std::string name, cursor.string());
    return Dimension{std::nullopt, std::move(name)};
  }
  ONNXPACK_TRY(std::int64_t value, cursor.integer(0));
  return Dimension{value, ""};
}

Result<PackageInfo> read_package(const Cursor& cursor, UnknownFields mode) {
  PackageInfo out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor, {"name", "version", "description", "licenses"}, mode));
  ONNXPACK_TRY(out.name, read_text(cursor, "name"));
  ONNXPACK_TRY(out.version, read_text(cursor, "version"));
  ONNXPACK_TRY(out.description, read_text(cursor, "description"));
  ONNXPACK_TRY(out.licenses, cursor.strings_or_empty("licenses"));
  return out;
}

Result<Scope> read_scope(const Cursor& cursor, UnknownFields mode) {
  Scope out;
  ONNXPACK_TRY(
      out.unknown,
      read_unknown(cursor, {"name", "digest", "node_count", "inputs", "outputs", "node_outputs"},
                   mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "name"));
  ONNXPACK_TRY(out.digest, read_string(cursor, "digest"));
  ONNXPACK_TRY(out.node_count, read_size(cursor, "node_count"));
  ONNXPACK_TRY(out.inputs, cursor.strings_or_empty("inputs"));
  ONNXPACK_TRY(out.outputs, cursor.strings_or_empty("outputs"));
  ONNXPACK_TRY(out.node_outputs, cursor.strings_or_empty("node_outputs"));
  return out;
}

Result<Original> read_original(const Cursor& cursor, UnknownFields mode) {
  Original out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor, {"file_name", "transformation", "size", "sha256"}, mode));
  ONNXPACK_TRY(out.file_name, read_string(cursor, "file_name"));
  ONNXPACK_TRY(out.transformation, read_string(cursor, "transformation"));
  ONNXPACK_TRY(out.size, read_size(cursor, "size"));
  ONNXPACK_TRY(out.sha256, read_string(cursor, "sha256"));
  return out;
}

Result<ExternalData> read_external_data(const Cursor& cursor, UnknownFields mode) {
  ExternalData out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"member", "location"}, mode));
  ONNXPACK_TRY(out.member, read_string(cursor, "member"));
  ONNXPACK_TRY(out.location, read_string(cursor, "location"));
  return out;
}

Result<std::map<std::string, std::int64_t>> read_opsets(const Cursor& cursor) {
  std::map<std::string, std::int64_t> out;
  ONNXPACK_TRY(auto field, cursor.at("opset_imports"));
  ONNXPACK_TRY(auto members, field.members());
  for (const auto& [domain, version] : members) {
    ONNXPACK_TRY(out[domain], version.integer(0));
  }
  return out;
}

Result<Component> read_component(const Cursor& cursor, UnknownFields mode) {
  Component out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor,
                            {"component_name", "model", "original", "external_data", "ir_version",
                             "opset_imports", "producer", "inputs", "outputs", "scopes"},
                            mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "component_name"));
  ONNXPACK_TRY(out.model, read_string(cursor, "model"));
  ONNXPACK_TRY(auto original, cursor.at("original"));
  ONNXPACK_TRY(out.original, read_original(original, mode));
  ONNXPACK_TRY(out.external_data,
               json::read_optional_array(cursor, "external_data", with(read_external_data, mode)));
  ONNXPACK_TRY(auto ir_version, cursor.at("ir_version"));
  ONNXPACK_TRY(out.ir_version, ir_version.integer(0));
  ONNXPACK_TRY(out.opset_imports, read_opsets(cursor));
  ONNXPACK_TRY(out.producer, read_text(cursor, "producer"));
  ONNXPACK_TRY(out.inputs,
               json::read_optional_array(cursor, "inputs", with(value_info_from_json, mode)));
  ONNXPACK_TRY(out.outputs,
               json::read_optional_array(cursor, "outputs", with(value_info_from_json, mode)));
  ONNXPACK_TRY(out.scopes, json::read_optional_array(cursor, "scopes", with(read_scope, mode)));
  return out;
}

Result<Attachment> read_attachment(const Cursor& cursor, UnknownFields mode) {
  Attachment out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"member"}, mode));
  ONNXPACK_TRY(out.member, read_string(cursor, "member"));
  return out;
}

Result<Blob> read_blob(const Cursor& cursor, UnknownFields mode) {
  Blob out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"member", "role"}, mode));
  ONNXPACK_TRY(out.member, read_string(cursor, "member"));
  ONNXPACK_TRY(out.role, read_string(cursor, "role"));
  return out;
}

Result<Partition> read_partition(const Cursor& cursor, UnknownFields mode) {
  Partition out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"scope", "blobs", "inputs", "outputs"}, mode));
  ONNXPACK_TRY(out.scope, read_string(cursor, "scope"));
  ONNXPACK_TRY(out.blobs, json::read_optional_array(cursor, "blobs", with(read_blob, mode)));
  ONNXPACK_TRY(out.inputs,
               json::read_optional_array(cursor, "inputs", with(value_info_from_json, mode)));
  ONNXPACK_TRY(out.outputs,
               json::read_optional_array(cursor, "outputs", with(value_info_from_json, mode)));
  return out;
}

Result<Coverage> read_coverage(const Cursor& cursor, UnknownFields mode) {
  Coverage out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"covered_nodes", "total_nodes"}, mode));
  ONNXPACK_TRY(out.covered_nodes, read_size(cursor, "covered_nodes"));
  ONNXPACK_TRY(out.total_nodes, read_size(cursor, "total_nodes"));
  return out;
}

Result<AppliedTransformation> read_transformation(const Cursor& cursor, UnknownFields mode) {
  AppliedTransformation out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"name", "parameters"}, mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "name"));
  ONNXPACK_TRY(out.parameters, read_object(cursor, "parameters"));
  return out;
}

Result<SourceModel> read_source(const Cursor& cursor, UnknownFields mode) {
  SourceModel out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor,
                                         {"file_name", "size", "sha256", "external_sha256",
                                          "derived_from", "transformations"},
                                         mode));
  ONNXPACK_TRY(out.file_name, read_text(cursor, "file_name"));
  ONNXPACK_TRY(out.size, read_size(cursor, "size"));
  ONNXPACK_TRY(out.sha256, read_digest(cursor, "sha256"));
  ONNXPACK_TRY(out.external_data, read_string_map(cursor, "external_sha256"));
  ONNXPACK_TRY(out.transformations, json::read_optional_array(cursor, "transformations",
                                                              with(read_transformation, mode)));
  if (!out.transformations.empty()) {
    ONNXPACK_TRY(out.derived_from, read_digest(cursor, "derived_from"));
  } else {
    ONNXPACK_TRY(out.derived_from, read_text(cursor, "derived_from"));
  }
  return out;
}

Result<Provenance> read_provenance(const Cursor& cursor, UnknownFields mode) {
  Provenance out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor,
                                         {"tools", "backend_digest", "options", "build_key",
                                          "license", "deterministic", "source"},
                                         mode));
  ONNXPACK_TRY(out.tools, read_string_map(cursor, "tools"));
  ONNXPACK_TRY(out.backend_digest, read_text(cursor, "backend_digest"));
  ONNXPACK_TRY(out.options, read_object(cursor, "options"));
  ONNXPACK_TRY(out.build_key, read_text(cursor, "build_key"));
  ONNXPACK_TRY(out.license, read_text(cursor, "license"));
  ONNXPACK_TRY(out.deterministic, cursor.boolean_or("deterministic", false));
  ONNXPACK_TRY(auto source, cursor.find("source"));
  if (source) {
    ONNXPACK_TRY(out.source, read_source(*source, mode));
  }
  return out;
}

Result<std::map<std::string, std::vector<std::int64_t>>> read_shapes(const Cursor& cursor) {
  std::map<std::string, std::vector<std::int64_t>> out;
  ONNXPACK_TRY(auto field, cursor.find("fixed_shapes"));
  if (!field) return out;
  ONNXPACK_TRY(auto members, field->members());
  for (const auto& [input, shape] : members) {
    ONNXPACK_TRY(out[input], read_integers(shape));
  }
  return out;
}

// What the variant runs on and needs.
Status read_needs(const Cursor& cursor, UnknownFields mode, Variant& out) {
  ONNXPACK_TRY(out.ep, read_string(cursor, "ep"));
  ONNXPACK_TRY(auto device, cursor.at("device"));
  ONNXPACK_TRY(out.device, device.string_in({"cpu", "gpu", "npu"}));
  ONNXPACK_TRY(out.target, read_text(cursor, "target"));
  ONNXPACK_TRY(out.target_facts, read_object(cursor, "target_facts"));
  ONNXPACK_TRY(out.requirements,
               json::read_optional_array(cursor, "requirements", [&](const Cursor& item) {
                 return target::requirement_from_json(item.value(), item.path(), mode);
               }));
  ONNXPACK_TRY(out.compatibility_string, read_text(cursor, "compatibility_string"));
  ONNXPACK_TRY(out.compatibility_hash, read_text(cursor, "compatibility_hash"));
  ONNXPACK_TRY(out.precision, read_text(cursor, "precision"));
  ONNXPACK_TRY(out.fixed_shapes, read_shapes(cursor));
  return {};
}

Result<Variant> read_variant(const Cursor& cursor, UnknownFields mode) {
  Variant out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor,
                            {"name", "component_name", "backend", "ep", "device", "target",
                             "target_facts", "requirements", "compatibility_string",
                             "compatibility_hash", "precision", "fixed_shapes", "executor_info",
                             "partitions", "references", "coverage", "provenance"},
                            mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "name"));
  ONNXPACK_TRY(out.component, read_string(cursor, "component_name"));
  ONNXPACK_TRY(out.backend, read_string(cursor, "backend"));
  ONNXPACK_CHECK(read_needs(cursor, mode, out));
  ONNXPACK_TRY(out.executor_info, read_object(cursor, "executor_info"));
  ONNXPACK_TRY(out.partitions,
               json::read_optional_array(cursor, "partitions", with(read_partition, mode)));
  ONNXPACK_TRY(out.references, cursor.strings_or_empty("references"));
  ONNXPACK_TRY(auto coverage, cursor.at("coverage"));
  ONNXPACK_TRY(out.coverage, read_coverage(coverage, mode));
  ONNXPACK_TRY(auto provenance, cursor.at("provenance"));
  ONNXPACK_TRY(out.provenance, read_provenance(provenance, mode));
  return out;
}

Result<Member> read_member(const Cursor& cursor, UnknownFields mode) {
  Member out;
  ONNXPACK_TRY(out.unknown,
               read_unknown(cursor, {"name", "size", "sha256", "chunk_digests"}, mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "name"));
  ONNXPACK_TRY(out.size, read_size(cursor, "size"));
  ONNXPACK_TRY(out.sha256, read_string(cursor, "sha256"));
  ONNXPACK_TRY(out.chunk_digests, read_text(cursor, "chunk_digests"));
  return out;
}

template <typename T>
const T* find_by(const std::vector<T>& items, std::string_view name) {
  for (const T& item : items) {
    if (item.name == name) return &item;
  }
  return nullptr;
}

}  // namespace

Result<Variant> variant_from_json(const json::Value& value) {
  return read_variant(Cursor(value), UnknownFields::refuse);
}

Result<ValueInfo> value_info_from_json(const Cursor& cursor, UnknownFields mode) {
  ValueInfo out;
  ONNXPACK_TRY(out.unknown, read_unknown(cursor, {"name", "type", "shape", "layout"}, mode));
  ONNXPACK_TRY(out.name, read_string(cursor, "name"));
  // A graph output may come without a type; it is written as "".
  ONNXPACK_TRY(auto type, cursor.at("type"));
  ONNXPACK_TRY(out.type, type.string());
  ONNXPACK_TRY(auto shape, cursor.find("shape"));
  if (shape) {
    ONNXPACK_TRY(out.shape, json::read_array(*shape, read_dimension));
  }
  ONNXPACK_TRY(out.layout, read_text(cursor, "layout"));
  return out;
}

Result<Manifest> parse(std::string_view text) {
  ONNXPACK_TRY(json::Value document, json::parse(text));
  Cursor root(document);
  ONNXPACK_TRY(Header header, read_header(root, manifest_format));
  UnknownFields mode = header.unknown;
  Manifest out;
  out.version = header.version;
  ONNXPACK_TRY(out.unknown, read_unknown(root,
                                         {"format", "schema_version", "package", "components",
                                          "attachments", "variants", "members"},
                                         mode));
  ONNXPACK_TRY(auto package, root.at("package"));
  ONNXPACK_TRY(out.package, read_package(package, mode));
  ONNXPACK_TRY(out.components,
               json::read_optional_array(root, "components", with(read_component, mode)));
  ONNXPACK_TRY(out.attachments,
               json::read_optional_array(root, "attachments", with(read_attachment, mode)));
  ONNXPACK_TRY(out.variants, json::read_optional_array(root, "variants", with(read_variant, mode)));
  ONNXPACK_TRY(out.members, json::read_optional_array(root, "members", with(read_member, mode)));
  ONNXPACK_CHECK(validate(out));
  return out;
}

const Component* Manifest::find_component(std::string_view name) const {
  return find_by(components, name);
}
const Variant* Manifest::find_variant(std::string_view name) const {
  return find_by(variants, name);
}
const Member* Manifest::find_member(std::string_view name) const {
  return find_by(members, name);
}

}  // namespace onnxpack::manifest
