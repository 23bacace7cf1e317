// What jobs compile instead of the component's own model, held against it: another file (--source),
// or what transformations made (--transform, and by themselves where a runtime could not load the
// model).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "prepare.h"
#include "transformations.h"

namespace onnxpack::package {

struct PreparedSource {
  std::size_t component = 0;  // index in the prepared ones
  std::string label;          // ends its variants' names; empty: they have the job's plain name
  std::optional<PreparedComponent> prepared;  // always there once it is handed out
  std::string precision;  // the most that its variants can promise; empty: as the backend says
  manifest::SourceModel description;
  std::vector<std::string> notes;                       // of its transformations
  std::map<std::string, json::Object> backend_options;  // that they ask for
  bool instead = false;        // the component's own model is not compiled for the target
  std::filesystem::path root;  // where it is staged, apart from the components
};

// All sources of a build: those that were asked for, and those that build derives by itself, made
// when the first job needs them. Pointers that it hands out stay valid.
class Sources {
 public:
  Sources(Sources&&) = default;
  Sources& operator=(Sources&&) = default;
  // Opens, checks and hashes every source of the request. Errors: invalid_argument (a target or
  // component that is not asked for, two sources of one label, inputs or outputs other than the
  // component's, an unknown precision, wrong parameters); not_found (a transformation); those of
  // prepare_component and of transformations. `scratch` outlives it.
  static Result<Sources> prepare(const Environment& environment, const BuildRequest& request,
                                 const std::vector<PreparedComponent>& components,
                                 const std::filesystem::path& scratch,
                                 std::vector<std::string>& warnings);

  // What is compiled of a component for a target, by a backend that takes operators of `domains`
  // there; null stands for the component's own model. Errors: those of transformations.
  Result<std::vector<const PreparedSource*>> of(std::size_t target, std::size_t component,
                                                const std::vector<std::string>& domains);

 private:
  struct Given {
    std::size_t target;
    std::size_t component;
    const PreparedSource* source;
  };
  Sources(const Environment& environment, const std::vector<PreparedComponent>& components,
          std::filesystem::path scratch)
      : environment_(&environment), components_(&components), scratch_(std::move(scratch)) {}
  Status add(const BuildRequest& request, const SourceRequest& source,
             std::vector<std::string>& warnings);
  Status add_loadable(const PreparedSource* base, std::size_t component,
                      const std::vector<std::string>& domains,
                      std::vector<const PreparedSource*>& out);
  Result<const PreparedSource*> derive(const PreparedSource* base, std::size_t component,
                                       const Derivation& derivation);

  const Environment* environment_;
  const std::vector<PreparedComponent>* components_;
  std::filesystem::path scratch_;
  std::deque<PreparedSource> made_;
  std::vector<Given> given_;
  std::map<std::string, const PreparedSource*> derived_;
};

// Where the files of a job are staged: a source's stand apart from the components', under the same
// names.
std::filesystem::path stage_root(const std::filesystem::path& scratch,
                                 const PreparedSource* source);

// What a model's arithmetic promises, read off its nodes and weights: "int4" or "int8" where it
// quantises, else "bf16" or "fp16" where it holds such tensors, else "fp32".
std::string precision_of(const model::ModelFile& model);

// The less exact of two precisions: what a variant promises that was made by one from the other.
// An unknown or empty one counts as fp32.
std::string coarser_precision(const std::string& a, const std::string& b);

}  // namespace onnxpack::package
