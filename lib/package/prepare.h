// A component before anything is compiled: opened, checked, hashed, its nodes annotated.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/manifest/manifest.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/check.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/model/scope.h"
#include "onnxpack/package/build.h"

namespace onnxpack::package {

struct PreparedComponent {
  model::ModelFile model;
  std::vector<model::Scope> scopes;
  model::AnnotatedModel annotated;
  manifest::Component description;  // complete: members, digests of original and scopes, signature
};

// Errors: as ModelFile::open, model::check, ...; cancelled. What a reader should know although it
// is no error goes to `warnings`.
Result<PreparedComponent> prepare_component(const Environment& environment,
                                            const ComponentRequest& request,
                                            std::vector<std::string>& warnings);

// The same of a model that is open already. `shown` is its file's name.
Result<PreparedComponent> prepare_model(const Environment& environment,
                                        const std::string& component, const std::string& shown,
                                        model::ModelFile model, std::vector<std::string>& warnings);

manifest::ValueInfo to_manifest(const model::ValueInfo& value);

}  // namespace onnxpack::package
