#include "unpacked.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "compact.h"
#include "members.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/model/scope_table.h"
#include "package_file_system.h"

namespace onnxpack::package {
namespace {

std::string shown(const PackageFile& package) {
  return printable(package.path().string());
}

std::map<std::string, std::string> digests_of(const manifest::Manifest& manifest) {
  std::map<std::string, std::string> out;
  for (const auto& member : manifest.members) out[member.name] = member.sha256;
  return out;
}

bool holds_all(const PackageFile& package, const manifest::Component& component) {
  return package.holds(component.model) &&
         std::ranges::all_of(component.external_data,
                             [&](const auto& data) { return package.holds(data.member); });
}

std::unexpected<Error> in_none(std::span<const PackageFile> packages, const std::string& member) {
  std::vector<std::string> names;
  for (const auto& package : packages) names.push_back(shown(package));
  return fail(
      ErrorKind::not_found,
      fmt::format("{}: {} {} not hold it", printable(member), join(names, ", "),
                  names.size() == 1 ? "does" : "do"),
      "a slim package lacks what select dropped; take the full one, or merge what has the rest");
}

// The scopes' nodes, without reading weights: digests are as the manifest gives them.
Result<std::vector<model::Scope>> scopes_of(const manifest::Component& component,
                                            const model::ModelFile& model) {
  std::vector<model::Scope> out;
  for (const auto& scope : component.scopes) {
    if (scope.name != model::whole_graph_name) {
      return fail(ErrorKind::unsupported,
                  fmt::format("component {}: scope {} is a part of the graph, which this version "
                              "cannot write anew",
                              printable(component.name), printable(scope.name)),
                  "use a newer onnx-pack");
    }
    model::Scope& whole = out.emplace_back();
    whole.name = scope.name;
    whole.digest = scope.digest;
    whole.inputs = scope.inputs;
    whole.outputs = scope.outputs;
    whole.nodes.resize(model.nodes().size());
    std::iota(whole.nodes.begin(), whole.nodes.end(), std::size_t{0});
  }
  return out;
}

// Annotated again exactly as it lies in the package, the model has the digest that the manifest
// gives: so its bytes are whole, and only the table will differ.
Status check_model(const Environment& environment, const PackageFile& package,
                   const PreparedComponent& component) {
  const auto& description = component.description;
  ONNXPACK_TRY(auto table,
               scope_table(description, package.manifest(), digests_of(package.manifest())));
  ONNXPACK_TRY(auto splice, component.annotated.with_table(table));
  auto annotated = model::splice_view(component.model.shared_file(), std::move(splice));
  ONNXPACK_TRY(auto digest, crypto::sha256_file(*annotated, environment.cancel));
  const manifest::Member* listed = package.manifest().find_member(description.model);
  if (listed != nullptr && digest.hex() == listed->sha256) return {};
  return fail(ErrorKind::untrusted,
              fmt::format("{}: {} is not what the manifest says, or was annotated in another way",
                          shown(package), printable(description.model)),
              "`onnx-pack verify --integrity-only` says which; packages that verify are edited");
}

Result<PreparedComponent> prepare(const Environment& environment, const PackageFile& package,
                                  io::FileSystem& view, const manifest::Component& component) {
  ONNXPACK_TRY(auto model,
               in(model::ModelFile::open(view, component.model, {.as = model::OpenAs::original}),
                  shown(package)));
  ONNXPACK_TRY(auto scopes, scopes_of(component, model));
  ONNXPACK_TRY(auto nodes, model::node_annotations(scopes));
  ONNXPACK_TRY(auto annotated, in(model::AnnotatedModel::make(model, nodes), shown(package)));
  PreparedComponent out{std::move(model), std::move(scopes), std::move(annotated), component};
  ONNXPACK_CHECK(check_model(environment, package, out));
  return out;
}

}  // namespace

Result<SourceFile> take_member(std::span<const PackageFile> packages, const std::string& member) {
  for (const PackageFile& package : packages) {
    if (!package.holds(member)) continue;
    ONNXPACK_TRY(auto content, package.open_member(member));
    const manifest::Member* listed = package.manifest().find_member(member);
    const manifest::LayoutMember* held = package.layout().find(member);
    std::string sha256 = listed != nullptr ? listed->sha256 : held->sha256;
    return SourceFile{member, {}, std::move(sha256), std::move(content)};
  }
  return in_none(packages, member);
}

Result<Unpacked> Unpacked::take(const Environment& environment,
                                std::span<const PackageFile> packages,
                                manifest::Manifest manifest) {
  Unpacked out;
  for (const auto& component : manifest.components) {
    auto holder = std::ranges::find_if(
        packages, [&](const auto& package) { return holds_all(package, component); });
    if (holder == packages.end()) return in_none(packages, component.model);
    out.views_.push_back(package_file_system(*holder));
    ONNXPACK_TRY(auto prepared, prepare(environment, *holder, *out.views_.back(), component));
    for (const auto& data : component.external_data)
      out.parts_.expected[data.member] = holder->manifest().find_member(data.member)->sha256;
    out.parts_.components.push_back(std::move(prepared));
    ONNXPACK_TRY(bool compact, is_compact(*holder));
    out.parts_.compact |= compact;
  }
  for (const auto& attachment : manifest.attachments) {
    ONNXPACK_TRY(auto file, take_member(packages, attachment.member));
    out.parts_.attachments.push_back(std::move(file));
  }
  std::set<std::string> blobs;
  for (const auto& variant : manifest.variants) blobs.merge(own_members(variant));
  for (const auto& blob : blobs) {
    ONNXPACK_TRY(auto file, take_member(packages, blob));
    out.parts_.blobs.push_back(std::move(file));
  }
  out.parts_.manifest = std::move(manifest);
  out.parts_.manifest.members.clear();
  return out;
}

Status check_editable(const PackageFile& package) {
  const auto& version = package.manifest().version;
  if (version <= manifest::current_version && package.layout().version <= manifest::current_version)
    return {};
  return fail(
      ErrorKind::unsupported,
      fmt::format("{}: format {}.{} is later than {}.{}, which this version writes; what it "
                  "does not know would be lost",
                  shown(package), version.major, version.minor, manifest::current_version.major,
                  manifest::current_version.minor),
      "use a newer onnx-pack");
}

Status check_edit_output(const Environment& environment, const std::filesystem::path& output,
                         io::Overwrite overwrite) {
  if (output.empty())
    return fail(ErrorKind::invalid_argument, "no output was named", "name it: -o model.onnxpkg");
  if (overwrite == io::Overwrite::no && environment.files->exists(output)) {
    return fail(ErrorKind::already_exists, fmt::format("{} exists", printable(output.string())),
                "use --force to replace it, or choose another name with -o");
  }
  return {};
}

}  // namespace onnxpack::package
