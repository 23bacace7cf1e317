// Two keys' parts, compared leaf by leaf.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "onnxpack/backend/cache.h"
#include "onnxpack/base/text.h"

namespace onnxpack::backend {
namespace {

using Leaves = std::map<std::string, std::string>;

void flatten(const json::Value& value, const std::string& path, Leaves& out) {
  // An option is one thing to people, whatever it is made of.
  if (!value.is(json::Kind::object) || path.starts_with("request.options.")) {
    out[path] = json::compact(value);
    return;
  }
  for (const auto& [key, member] : value.as_object())
    flatten(member, path.empty() ? key : path + "." + key, out);
}

// What people call the parts of a request.
std::string name_of(const std::string& path) {
  static constexpr auto names = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"program_sha256", "backend program"},
      {"request.component.original_sha256", ""},  // `content` says it
      {"content.", "content of "},
      {"versions.", "version of "},
      {"request.options.", "option "},
      {"request.target.facts.", "target's "},
      {"request.target.backend_options.", "target's option "},
      {"request.input_shapes.", "shape of "},
      {"request.free_dimensions.", "dimension "},
      {"request.", ""},
  });
  for (const auto& [prefix, name] : names) {
    if (path == prefix) return std::string(name);
    if (prefix.ends_with('.') && path.starts_with(prefix))
      return std::string(name) + path.substr(prefix.size());
  }
  return path;
}

bool is_digest(const std::string& path) {
  return path == "program_sha256" || path.starts_with("content.");
}

std::string shown(const Leaves& leaves, const std::string& path) {
  constexpr std::size_t most = 40;
  auto found = leaves.find(path);
  if (found == leaves.end()) return "(none)";
  std::string text = found->second;
  if (is_digest(path) && text.size() > 13) return text.substr(1, 12);
  if (text.size() >= 2 && text.starts_with('"')) text = text.substr(1, text.size() - 2);
  return printable(text.size() > most ? text.substr(0, most) + "..." : text);
}

}  // namespace

std::vector<std::string> key_differences(const json::Value& before, const json::Value& after) {
  Leaves old_leaves;
  Leaves new_leaves;
  flatten(before, "", old_leaves);
  flatten(after, "", new_leaves);
  Leaves all = old_leaves;
  all.insert(new_leaves.begin(), new_leaves.end());
  std::vector<std::string> out;
  for (const auto& [path, unused] : all) {
    auto a = old_leaves.find(path);
    auto b = new_leaves.find(path);
    if (a != old_leaves.end() && b != new_leaves.end() && a->second == b->second) continue;
    std::string name = name_of(path);
    if (name.empty()) continue;
    out.push_back(fmt::format("{}: {} -> {}", printable(name), shown(old_leaves, path),
                              shown(new_leaves, path)));
  }
  return out;
}

}  // namespace onnxpack::backend
