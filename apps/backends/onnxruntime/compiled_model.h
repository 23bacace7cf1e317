// What stands in a model that ONNX Runtime's Compile API wrote: blobs as EPContext nodes, the nodes
// that no provider took, the text that says what the blobs need.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

struct CompiledModel {
  std::uint64_t contexts = 0;                 // EPContext nodes
  bool embedded = false;                      // some context holds its bytes itself
  std::vector<std::string> files;             // of the others, as named, each once
  std::map<std::string, std::uint64_t> left;  // operator -> nodes that are no EPContext
  std::map<std::string, std::string> metadata;

  std::uint64_t nodes_left() const;
  // "2 GatherND, 1 If"; the most frequent first, at most five.
  std::string left_text() const;
};

// Counts the top-level graph's nodes; a node with a body counts once. Works on any model: one
// without contexts just has all its nodes left. Errors: corrupt.
Result<CompiledModel> read_compiled_model(ByteView model);

}  // namespace onnxpack::ort_backend
