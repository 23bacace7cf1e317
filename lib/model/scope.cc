#include "onnxpack/model/scope.h"

#include <fmt/format.h>

#include <numeric>

#include "graph_digest.h"
#include "onnxpack/base/text.h"
#include "skeleton.h"

namespace onnxpack::model {
namespace {

std::vector<std::string> names_of(const std::vector<ValueInfo>& infos) {
  std::vector<std::string> out;
  for (const auto& info : infos) out.push_back(info.name);
  return out;
}

}  // namespace

Result<Scope> whole_graph_scope(const ModelFile& model, const DigestOptions& options) {
  ONNXPACK_TRY(auto hashes, hash_constants(model, options.threads, options.cancel));
  return whole_graph_scope(model, hashes);
}

Result<Scope> whole_graph_scope(const ModelFile& model, const std::vector<ContentHash>& hashes) {
  ONNXPACK_TRY(auto skeleton, load_skeleton(model));
  GraphDigest digest(*skeleton, hashes);
  ONNXPACK_TRY(ContentHash hash, in(digest.whole_graph(), printable(model.path().string())));
  Scope scope;
  scope.name = whole_graph_name;
  scope.nodes.resize(model.nodes().size());
  std::iota(scope.nodes.begin(), scope.nodes.end(), std::size_t{0});
  scope.inputs = names_of(model.inputs());
  scope.outputs = names_of(model.outputs());
  scope.constants.assign(digest.constants_read().begin(), digest.constants_read().end());
  scope.digest = fmt::format("{}:{}", scope_digest_name, hash.hex());
  return scope;
}

}  // namespace onnxpack::model
