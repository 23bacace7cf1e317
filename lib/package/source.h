// A target's own source model (--source): compiled instead of the component's, held against it.
#pragma once

#include <string>
#include <vector>

#include "prepare.h"

namespace onnxpack::package {

struct PreparedSource {
  std::size_t target = 0;     // index in the request
  std::size_t component = 0;  // index in the prepared ones
  PreparedComponent prepared;
  std::string precision;  // declared for its variants; see precision_of
  manifest::SourceModel description;
};

// Opens, checks and hashes every source of the request. Errors: invalid_argument (a target or
// component that is not asked for, two sources for one, inputs or outputs other than the
// component's, an unknown precision); those of prepare_component.
Result<std::vector<PreparedSource>> prepare_sources(
    const Environment& environment, const BuildRequest& request,
    const std::vector<PreparedComponent>& components, std::vector<std::string>& warnings);

// Where the files of a job are staged: a source's stand apart from the components', under the same
// names.
std::filesystem::path stage_root(const std::filesystem::path& scratch,
                                 const PreparedSource* source);

const PreparedSource* find_source(const std::vector<PreparedSource>& sources, std::size_t target,
                                  std::size_t component);

// What a model's arithmetic promises, read off its nodes and weights: "int4" or "int8" where it
// quantises, else "bf16" or "fp16" where it holds such tensors, else "fp32".
std::string precision_of(const model::ModelFile& model);

// The less exact of two precisions: what a variant promises that was made by one from the other.
// An unknown or empty one counts as fp32.
std::string coarser_precision(const std::string& a, const std::string& b);

}  // namespace onnxpack::package
