#include "prepare.h"

#include <algorithm>
#include <future>
#include <thread>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/model/scope_table.h"

namespace onnxpack::package {
namespace {

Status check_component_name(std::string_view name) {
  ONNXPACK_CHECK(io::check_relative_name(name));
  if (name.find('/') == std::string_view::npos) return {};
  return fail(ErrorKind::invalid_argument,
              fmt::format("component name '{}' has a '/'", printable(name)));
}

Result<std::vector<manifest::ExternalData>> external_members(const std::string& folder,
                                                             const model::ModelFile& model) {
  std::vector<manifest::ExternalData> out;
  for (const auto& file : model.external_files()) {
    if (file.location == "model.onnx") {
      return fail(ErrorKind::unsupported,
                  fmt::format("{}: its external data file is called model.onnx, which is what the "
                              "model itself is called in a package",
                              printable(model.path().string())),
                  "rename the data file and the `location` entries that name it");
    }
    out.push_back({folder + file.location, file.location});
  }
  return out;
}

struct Digests {
  std::string original;
  model::Scope scope;
};

// More would wait for memory, or for the disk.
unsigned scope_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
}

// Two passes that have nothing in common, side by side: SHA-256 of the file, one chain, and the scope
// digest over all weights, tensor by tensor.
Result<Digests> digest_model(const Environment& environment, const model::ModelFile& model) {
  auto scope = std::async(std::launch::async, [&] {
    return model::whole_graph_scope(model, {.threads = scope_threads(), .cancel = environment.cancel});
  });
  auto original = crypto::sha256_file(model.file(), environment.cancel);
  auto scoped = scope.get();
  if (!original) return std::unexpected(std::move(original.error()));
  if (!scoped) return std::unexpected(std::move(scoped.error()));
  return Digests{original->hex(), std::move(*scoped)};
}

void warn(const model::CheckReport& report, const std::string& model,
          std::vector<std::string>& warnings) {
  for (const auto& unknown : report.unknown)
    warnings.push_back(fmt::format("{}: {}", model, unknown.message));
  for (const auto& text : report.warnings) warnings.push_back(fmt::format("{}: {}", model, text));
}

std::vector<manifest::ValueInfo> to_manifest(const std::vector<model::ValueInfo>& values) {
  std::vector<manifest::ValueInfo> out;
  for (const auto& value : values) out.push_back(package::to_manifest(value));
  return out;
}

manifest::Scope to_manifest(const model::Scope& scope) {
  manifest::Scope out;
  out.name = scope.name;
  out.digest = scope.digest;
  out.node_count = scope.nodes.size();
  out.inputs = scope.inputs;
  out.outputs = scope.outputs;
  return out;
}

}  // namespace

manifest::ValueInfo to_manifest(const model::ValueInfo& value) {
  manifest::ValueInfo out{value.name, value.type, std::nullopt};
  if (!value.shape) return out;
  out.shape.emplace();
  for (const auto& dimension : *value.shape) out.shape->push_back({dimension.size, dimension.name});
  return out;
}

Result<PreparedComponent> prepare_component(const Environment& environment,
                                            const ComponentRequest& request,
                                            std::vector<std::string>& warnings) {
  ONNXPACK_CHECK(check_component_name(request.name));
  std::string shown = request.model.filename().string();
  std::string task = fmt::format("read {}", printable(shown));
  environment.watcher->started(task, 0);
  environment.watcher->stage(task, "graph");
  ONNXPACK_TRY(auto model, model::ModelFile::open(*environment.files, request.model,
                                                  {.as = model::OpenAs::original}));
  if (model.was_annotated())
    warnings.push_back(
        fmt::format("{}: carried an older annotation, which was taken out", printable(shown)));
  return prepare_model(environment, request.name, shown, std::move(model), warnings);
}

Result<PreparedComponent> prepare_model(const Environment& environment,
                                        const std::string& component, const std::string& shown,
                                        model::ModelFile model,
                                        std::vector<std::string>& warnings) {
  std::string task = fmt::format("read {}", printable(shown));
  std::string path = printable(model.path().string());
  environment.watcher->stage(task, "check");
  ONNXPACK_TRY(auto report, model::check(model));
  warn(report, printable(shown), warnings);
  environment.watcher->stage(task, "hash");
  ONNXPACK_TRY(auto digests, in(digest_model(environment, model), path));

  std::string folder = fmt::format("components/{}/", component);
  manifest::Component description;
  description.name = component;
  description.model = folder + "model.onnx";
  description.original = {shown, std::string(model::strip_transformation), model.file().size(),
                          digests.original};
  ONNXPACK_TRY(description.external_data, external_members(folder, model));
  description.ir_version = model.ir_version();
  for (const auto& import : model.opset_imports())
    description.opset_imports[import.domain] = import.version;
  description.producer =
      model.producer_version().empty()
          ? model.producer_name()
          : fmt::format("{} {}", model.producer_name(), model.producer_version());
  description.inputs = to_manifest(model.inputs());
  description.outputs = to_manifest(model.outputs());
  description.scopes.push_back(to_manifest(digests.scope));

  std::vector<model::Scope> scopes;
  scopes.push_back(std::move(digests.scope));
  ONNXPACK_TRY(auto annotations, model::node_annotations(scopes));
  ONNXPACK_TRY(auto annotated, in(model::AnnotatedModel::make(model, annotations), path));
  environment.watcher->finished(task, human_size(model.file().size()));
  return PreparedComponent{std::move(model), std::move(scopes), std::move(annotated),
                           std::move(description)};
}

}  // namespace onnxpack::package
