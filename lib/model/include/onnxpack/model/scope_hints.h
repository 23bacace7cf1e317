// What in a model could name scopes: keys of node metadata and prefixes of node names. For `inspect
// model.onnx`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

enum class HintKind { metadata_key, name_prefix };

struct ScopeHint {
  HintKind kind = HintKind::metadata_key;
  std::string key;           // the metadata key; for prefixes the separator ("/" or ".")
  std::size_t nodes = 0;     // nodes that carry it
  std::size_t distinct = 0;  // different values
  struct Value {
    std::string value;
    std::size_t nodes = 0;
  };
  std::vector<Value> examples;  // the most frequent, at most five; ties by value
};

// Metadata keys first, by number of nodes, then prefixes; onnx-pack's own keys are left out.
std::vector<ScopeHint> scope_hints(const ModelFile& model);

}  // namespace onnxpack::model
