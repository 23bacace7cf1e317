// Transformations of a job's source: from a model to one that is compiled instead of it. Each is
// named and versioned; its parameters and the digest of its result stand in the variant's
// provenance.
//
// To add one: a function as below in a file of its own (transform_<what>.cc) and a line in the
// table.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/json/value.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/package/build.h"
#include "onnxpack/transform/ternarize.h"

namespace onnxpack::package {

struct Transformed {
  model::ModelFile model;
  // What a variant of it can promise at most; empty: what one of the given model can.
  std::string precision = {};
  std::vector<std::string> notes = {};  // for the build report, one line each
  // Backend -> options that keep its compiler from undoing this. What the user says goes before.
  std::map<std::string, json::Object> backend_options = {};
};

struct Transformation {
  std::string_view name;
  unsigned version = 1;  // another result for the same model and parameters is another version
  std::string_view parameters;  // for people: "form=operators|expanded"
  // All parameters, defaults filled in. Errors: as json::Cursor, invalid_argument; callers want
  // complete_parameters().
  Result<json::Object> (*complete)(const json::Object& given);
  // Same model, same parameters, same bytes. `folder` exists, is empty and outlives the result: for
  // files that the result refers to. The given model's files outlive it too. Errors: as the
  // transformation; unsupported where the model has nothing for it.
  Result<Transformed> (*apply)(const Environment& environment, const model::ModelFile& model,
                               const json::Object& parameters, const std::filesystem::path& folder);
};

std::span<const Transformation> transformations();
// By "name" or "name/version". Errors: not_found, with a suggestion; unsupported (the version).
Result<const Transformation*> find_transformation(std::string_view text);

// All parameters, defaults filled in. Errors: invalid_argument.
Result<json::Object> complete_parameters(const Transformation& transformation,
                                         const json::Object& given);

// lower-flex-attention/1: transform_flex.cc.
Result<json::Object> complete_lower_flex(const json::Object& given);
Result<Transformed> lower_flex(const Environment& environment, const model::ModelFile& model,
                               const json::Object& parameters, const std::filesystem::path& folder);

// ternarize/1: transform_ternary.cc.
Result<json::Object> complete_ternarize(const json::Object& given);
Result<Transformed> ternarize_model(const Environment& environment, const model::ModelFile& model,
                                    const json::Object& parameters,
                                    const std::filesystem::path& folder);
// Requires: complete parameters.
transform::TernarizeRequest ternarize_request(const json::Object& parameters);
// Writes the ternarized model into the folder, under these names. Errors: as transform::ternarize;
// unsupported where there are no ternary weights.
inline constexpr const char* ternary_model_name = "model.onnx";
inline constexpr const char* ternary_weights_name = "model.weights";
Result<transform::Ternarized> make_ternary(const Environment& environment,
                                           const model::ModelFile& model,
                                           const transform::TernarizeRequest& request,
                                           const std::filesystem::path& folder);

// What build derives by itself for a model that runtimes cannot load as it is. `domains`: operators
// beyond ONNX's that the backend takes for the target. Several are several variants, best first;
// empty: the model is compiled as it is.
struct Derivation {
  std::string label;  // of the variant; empty for one of them
  std::vector<TransformationRequest> steps;
};
Result<std::vector<Derivation>> needed_derivations(const model::ModelFile& model,
                                                   const std::vector<std::string>& domains);

}  // namespace onnxpack::package
