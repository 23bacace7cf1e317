// What a packaged model says about its scopes, as metadata entries; docs/scope-metadata.md is the
// format.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/scope.h"

namespace onnxpack::model {

inline constexpr std::string_view node_scope_key = "org.onnxpack.scope";
inline constexpr std::string_view table_key_prefix = "org.onnxpack.scope.";  // and the scope's name
inline constexpr std::string_view format_key = "org.onnxpack.format";
inline constexpr std::string_view format_value = "scope-metadata/1";

struct TableVariant {
  std::string variant;  // label
  std::string backend;
  std::string ep;
  std::string compatibility_hash;  // lower-case hex; empty when there is none
  std::vector<std::string> blobs;  // SHA-256, lower-case hex
};

struct TableScope {
  std::string name;
  std::string digest;
  std::size_t node_count = 0;
  std::vector<TableVariant> variants;
};

// `org.onnxpack.scope` for each node that is in a scope, names comma-separated in the order of
// `scopes`; ascending by node. Errors: invalid_argument (scope name).
Result<std::vector<NodeAnnotation>> node_annotations(std::span<const Scope> scopes);

// `org.onnxpack.format` and one `org.onnxpack.scope.<name>` each, compact JSON with sorted keys:
// equal tables give equal bytes, in the order given. Errors: invalid_argument (a name, the same
// name twice, text that is not UTF-8).
Result<std::vector<MetadataEntry>> table_metadata(std::span<const TableScope> scopes);

}  // namespace onnxpack::model
