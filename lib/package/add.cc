#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "annexes.h"
#include "edit_output.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/model/scope.h"
#include "onnxpack/package/annex.h"
#include "onnxpack/package/edit.h"
#include "onnxpack/target/requirement.h"
#include "unpacked.h"

namespace onnxpack::package {
namespace {

constexpr std::uint64_t variant_file_limit = std::uint64_t{16} << 20;

bool has(const json::Value& fields, std::string_view key) {
  return fields.find(key) != nullptr;
}

std::string text_or_empty(const json::Value& fields, std::string_view key) {
  const json::Value* found = fields.find(key);
  return found != nullptr && found->is(json::Kind::string) ? found->as_string() : "";
}

// What follows from a target that is known by name.
void fill_target(json::Value& fields) {
  auto profile = target::find_profile(text_or_empty(fields, "target"));
  if (!profile) return;
  fields["target"] = profile->name;
  if (!has(fields, "target_facts")) {
    json::Object facts;
    for (const auto& [feature, values] : profile->facts)
      facts[feature] = json::Array(values.begin(), values.end());
    fields["target_facts"] = std::move(facts);
  }
  if (has(fields, "requirements")) return;
  json::Array requirements;
  for (const auto& requirement : target::requirements_of(*profile, text_or_empty(fields, "device")))
    requirements.push_back(target::to_json(requirement));
  if (!requirements.empty()) fields["requirements"] = std::move(requirements);
}

void fill_scopes(json::Value& fields) {
  const json::Value* there = fields.find("partitions");
  if (there == nullptr || !there->is(json::Kind::array)) return;
  json::Array partitions = there->as_array();
  for (auto& partition : partitions) {
    if (partition.is(json::Kind::object) && !has(partition, "scope"))
      partition["scope"] = std::string(model::whole_graph_name);
  }
  fields["partitions"] = std::move(partitions);
}

Status fill_component(const manifest::Manifest& manifest, json::Value& fields) {
  if (!has(fields, "component_name")) {
    if (manifest.components.size() != 1) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("the package has {} components, so component_name must say which",
                              manifest.components.size()));
    }
    fields["component_name"] = manifest.components[0].name;
  }
  const manifest::Component* component =
      manifest.find_component(text_or_empty(fields, "component_name"));
  if (component == nullptr || has(fields, "coverage") || component->scopes.empty()) return {};
  auto nodes = component->scopes[0].node_count;
  fields["coverage"] = json::object({{"covered_nodes", nodes}, {"total_nodes", nodes}});
  return {};
}

// A blob's file and the member that it becomes.
Result<SourceFile> find_blob(const Environment& environment, const NewVariant& variant,
                             manifest::Blob& blob) {
  ONNXPACK_TRY(auto path, io::join_beneath(variant.folder, blob.member));
  std::string below = fmt::format("variants/{}/", variant.description.name);
  // As `extract --variant` lays it out, the name is the member's already.
  if (!blob.member.starts_with(below)) blob.member = below + blob.member;
  ONNXPACK_TRY(auto file, environment.files->open(path));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*file, environment.cancel));
  return SourceFile{blob.member, std::move(path), digest.hex()};
}

// Adds the variant and its blobs to the parts.
Status add_variant(const Environment& environment, const PackageFile& package, NewVariant variant,
                   PackageParts& parts) {
  const std::string& name = variant.description.name;
  if (parts.manifest.find_variant(name) != nullptr) {
    return fail(ErrorKind::already_exists,
                fmt::format("{} has a variant '{}' already", printable(package.path().string()),
                            printable(name)),
                "give the new one another name, or remove the old one first");
  }
  ONNXPACK_CHECK(in(io::check_relative_name(name), "the variant's name"));
  for (auto& partition : variant.description.partitions) {
    for (auto& blob : partition.blobs) {
      ONNXPACK_TRY(auto source, find_blob(environment, variant, blob));
      // Two partitions may share a blob; a member is written once.
      if (std::ranges::find(parts.blobs, source.member, &SourceFile::member) == parts.blobs.end())
        parts.blobs.push_back(std::move(source));
    }
  }
  parts.manifest.variants.push_back(std::move(variant.description));
  return {};
}

// Evidence of another model would never be looked at.
Status check_subject(const PackageFile& package, const manifest::Evidence& evidence) {
  const manifest::Manifest& manifest = package.manifest();
  for (const auto& entry : evidence.entries) {
    for (const auto& component : manifest.components) {
      if (manifest::speaks_of_original(entry, manifest, component)) return {};
    }
    for (const auto& variant : manifest.variants) {
      if (manifest::speaks_of(entry, manifest, variant)) return {};
    }
  }
  return fail(ErrorKind::invalid_argument,
              fmt::format("{}: the evidence speaks of none of its models and variants",
                          printable(package.path().string())),
              "it was recorded with a package of other bytes");
}

}  // namespace

Result<NewVariant> make_new_variant(const PackageFile& package, json::Value fields,
                                    const std::filesystem::path& folder) {
  if (!fields.is(json::Kind::object))
    return fail(ErrorKind::corrupt, "a variant is a JSON object, as in manifest.json");
  if (!has(fields, "device")) fields["device"] = "cpu";
  fill_target(fields);
  fill_scopes(fields);
  ONNXPACK_CHECK(fill_component(package.manifest(), fields));
  if (!has(fields, "provenance")) fields["provenance"] = json::Object();
  if (!has(fields, "name")) {
    fields["name"] =
        fmt::format("{}-{}", text_or_empty(fields, "target"), text_or_empty(fields, "backend"));
  }
  auto compatibility = text_or_empty(fields, "compatibility_string");
  if (!compatibility.empty()) fields["compatibility_hash"] = crypto::sha256(compatibility).hex();
  ONNXPACK_TRY(auto description, manifest::variant_from_json(fields));
  return NewVariant{std::move(description), folder};
}

Result<NewVariant> read_variant_file(io::FileSystem& files, const PackageFile& package,
                                     const std::filesystem::path& path) {
  auto read = [&]() -> Result<NewVariant> {
    ONNXPACK_TRY(std::string text, files.read_text(path, variant_file_limit));
    ONNXPACK_TRY(json::Value fields, json::parse(text));
    auto folder = path.parent_path();
    return make_new_variant(package, std::move(fields), folder.empty() ? "." : folder);
  };
  return in(read(), printable(path.string()));
}

Result<EditReport> add_evidence(const Environment& environment, const PackageFile& package,
                                std::span<const manifest::Evidence> evidence,
                                const std::filesystem::path& output, io::Overwrite overwrite) {
  ONNXPACK_CHECK(check_edit_output(environment, output, overwrite));
  ONNXPACK_CHECK(check_editable(package));
  for (const auto& one : evidence) ONNXPACK_CHECK(check_subject(package, one));
  ONNXPACK_CHECK(write_with_evidence(environment, package, evidence, output, overwrite));
  EditReport report;
  report.package_id = package.id();
  ONNXPACK_TRY(auto written, environment.files->status(output));
  report.package_size = written.size;
  for (const auto& variant : package.manifest().variants) report.variants.push_back(variant.name);
  return report;
}

Result<EditReport> add_variants(const Environment& environment, const PackageFile& package,
                                std::span<const NewVariant> variants,
                                const std::filesystem::path& output, io::Overwrite overwrite) {
  ONNXPACK_CHECK(check_edit_output(environment, output, overwrite));
  ONNXPACK_CHECK(check_editable(package));
  auto packages = std::span(&package, 1);
  ONNXPACK_TRY(auto annexes, gather_annexes(packages, {}, SameManifest::no));
  ONNXPACK_TRY(auto unpacked, Unpacked::take(environment, packages, package.manifest()));
  PackageParts& parts = unpacked.parts();
  for (const NewVariant& variant : variants)
    ONNXPACK_CHECK(add_variant(environment, package, variant, parts));
  std::ranges::sort(parts.manifest.variants, {}, &manifest::Variant::name);
  std::ranges::sort(parts.blobs, {}, &SourceFile::member);
  return write_edited(environment, package, parts, std::move(annexes), output, overwrite);
}

}  // namespace onnxpack::package
