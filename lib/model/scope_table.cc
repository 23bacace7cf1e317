#include "onnxpack/model/scope_table.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "onnxpack/base/text.h"

namespace onnxpack::model {
namespace {

// model sees no json library (cmake/layers.txt), and writing needs none: strings, one number,
// lists.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string variant_json(const TableVariant& variant) {
  std::string blobs;
  for (const auto& blob : variant.blobs) {
    if (!blobs.empty()) blobs += ',';
    blobs += json_text(blob);
  }
  return fmt::format(
      R"({{"backend":{},"blobs":[{}],"compatibility_hash":{},"ep":{},"variant":{}}})",
      json_text(variant.backend), blobs, json_text(variant.compatibility_hash),
      json_text(variant.ep), json_text(variant.variant));
}

std::string scope_json(const TableScope& scope) {
  std::string variants;
  for (const auto& variant : scope.variants) {
    if (!variants.empty()) variants += ',';
    variants += variant_json(variant);
  }
  return fmt::format(R"({{"digest":{},"nodes":{},"variants":[{}]}})", json_text(scope.digest),
                     scope.node_count, variants);
}

Status check_text(const TableVariant& variant) {
  for (const auto* text :
       {&variant.variant, &variant.backend, &variant.ep, &variant.compatibility_hash}) {
    if (!is_valid_utf8(*text)) {
      return fail(ErrorKind::invalid_argument, fmt::format("'{}' is not UTF-8", printable(*text)));
    }
  }
  return {};
}

}  // namespace

Status check_scope_name(std::string_view name) {
  constexpr std::size_t longest = 200;
  if (name.empty() || name.size() > longest) {
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("scope name has {} characters, expected 1 to {}", name.size(), longest));
  }
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:+@").find(c) != std::string_view::npos;
  };
  for (const char c : name) {
    if (!allowed(c)) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("scope name '{}' holds '{}', expected letters, digits and ._-/:+@",
                              printable(name), printable(std::string_view(&c, 1))));
    }
  }
  return {};
}

Result<std::vector<NodeAnnotation>> node_annotations(std::span<const Scope> scopes) {
  std::map<std::size_t, std::string> names;
  for (const auto& scope : scopes) {
    ONNXPACK_CHECK(check_scope_name(scope.name));
    for (const auto node : scope.nodes) {
      auto& list = names[node];
      if (!list.empty()) list += ',';
      list += scope.name;
    }
  }
  std::vector<NodeAnnotation> out;
  out.reserve(names.size());
  for (auto& [node, list] : names) {
    out.push_back({node, {{std::string(node_scope_key), std::move(list)}}});
  }
  return out;
}

Result<std::vector<MetadataEntry>> table_metadata(std::span<const TableScope> scopes) {
  std::vector<MetadataEntry> out;
  out.push_back({std::string(format_key), std::string(format_value)});
  std::set<std::string_view> seen;
  for (const auto& scope : scopes) {
    ONNXPACK_CHECK(check_scope_name(scope.name));
    if (!seen.insert(scope.name).second) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("scope {} stands twice in the table", scope.name));
    }
    for (const auto& variant : scope.variants) ONNXPACK_CHECK(check_text(variant));
    out.push_back({fmt::format("{}{}", table_key_prefix, scope.name), scope_json(scope)});
  }
  return out;
}

}  // namespace onnxpack::model
