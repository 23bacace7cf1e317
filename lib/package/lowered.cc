#include "onnxpack/package/lowered.h"

#include <algorithm>

#include "onnxpack/transform/flex_attention.h"
#include "package_file_system.h"

namespace onnxpack::package {

namespace {

// A model whose functions alone have such nodes need not import their domain itself.
bool may_have_some(const manifest::Manifest& manifest, const manifest::Component& component) {
  return component.opset_imports.contains("ai.onnx.preview") ||
         std::ranges::any_of(manifest.variants, [&](const manifest::Variant& variant) {
           return variant.component == component.name && variant.provenance.source &&
                  !variant.provenance.source->transformations.empty();
         });
}

}  // namespace

Result<std::vector<LoweredNode>> lowered_nodes(const PackageFile& package,
                                               const manifest::Component& component) {
  std::vector<LoweredNode> out;
  if (!may_have_some(package.manifest(), component) || !package.holds(component.model)) return out;
  auto view = package_file_system(package);
  ONNXPACK_TRY(auto model, model::ModelFile::open(*view, component.model,
                                                  {.external = model::ExternalFiles::described}));
  for (auto& node : transform::to_lower(model))
    out.push_back({std::move(node.name), std::move(node.why_expanded)});
  return out;
}

}  // namespace onnxpack::package
