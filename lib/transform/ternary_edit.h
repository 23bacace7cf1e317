// The model with ternary weights where others were: what is taken out, replaced and added.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnxpack/io/file.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"
#include "ternary_candidates.h"
#include "ternary_nodes.h"

namespace onnxpack::transform {

// What is to be edited. The rewrites refer to `how`, so that a plan stays where it is.
struct TernaryPlan {
  explicit TernaryPlan(Rewriting with) : how(std::move(with)) {}
  TernaryPlan(const TernaryPlan&) = delete;
  TernaryPlan& operator=(const TernaryPlan&) = delete;

  struct UseOf {
    std::size_t rewrite;
    UseKind kind;
  };

  Rewriting how;
  std::vector<TernaryRewrite> rewrites;
  std::set<std::uint64_t> stored_at;  // where the messages of the stored initializers begin
  std::map<std::size_t, UseOf> uses;  // by node
  std::set<std::size_t> bodies;       // nodes with such uses in their bodies
  std::map<std::string, std::size_t> by_name;
  std::set<std::size_t> dropped;  // nodes that made weights of integers
};

struct TernaryEdited {
  model::Splice splice;
  bool needs_old_files = false;  // an external tensor could not be moved to the new file
};

// `codes` is the file of the new weights; external initializers that stay are moved to its end.
// Chooses the names in plan.how. Errors: the form needs an opset that the model cannot be brought
// to.
Result<TernaryEdited> edit_ternary(const model::ModelFile& model, TernaryPlan& plan,
                                   io::WritableFile& codes);

}  // namespace onnxpack::transform
