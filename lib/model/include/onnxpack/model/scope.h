// A scope: a named set of nodes of a model's top-level graph, its boundary, and a digest that says
// whether a graph still has it.
//
// scope-digest/1 is over op types, domains, opset versions, attributes, bodies of called functions
// and of subgraphs, captured values, edges with their port numbers, element types of graph inputs,
// and the contents of constants; not over names of values or nodes, not over node order, not over
// where or in which field weights are stored. docs/scope-metadata.md defines it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/model/constants.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

inline constexpr std::string_view scope_digest_name = "scope-digest/1";
inline constexpr std::string_view whole_graph_name = "model";

struct Scope {
  std::string name;
  std::vector<std::size_t> nodes;      // indexes into ModelFile::nodes(), ascending
  std::vector<std::string> inputs;     // values from outside that are no constants, in port order
  std::vector<std::string> outputs;    // values used outside, in port order
  std::vector<std::size_t> constants;  // indexes into ModelFile::constants(), ascending
  std::string digest;                  // "scope-digest/1:" and 32 hex digits
};

// Letters, digits and "._-/:+@", 1 to 200 of them: names stand in comma lists and in metadata keys.
// Errors: invalid_argument.
Status check_scope_name(std::string_view name);

struct DigestOptions {
  unsigned threads = 1;
  const CancelFlag* cancel = nullptr;
};

// All nodes; inputs and outputs are the graph's. Reads every weight once, at the speed of the disk
// or of memory. Errors: corrupt (a value that nothing makes, a cycle, a function that calls
// itself), cancelled, io.
Result<Scope> whole_graph_scope(const ModelFile& model, const DigestOptions& options = {});
// The same with hashes that hash_constants() gave before. Requires: hashes.size() ==
// model.constants().size().
Result<Scope> whole_graph_scope(const ModelFile& model, const std::vector<ContentHash>& hashes);

}  // namespace onnxpack::model
