#include "onnxpack/model/scope_hints.h"

#include <algorithm>
#include <map>

#include "facts.h"

namespace onnxpack::model {
namespace {

constexpr std::size_t example_limit = 5;

struct Tally {
  std::size_t nodes = 0;
  std::map<std::string, std::size_t> values;
};

ScopeHint to_hint(HintKind kind, const std::string& key, const Tally& tally) {
  ScopeHint hint{.kind = kind,
                 .key = key,
                 .nodes = tally.nodes,
                 .distinct = tally.values.size(),
                 .examples = {}};
  for (const auto& [value, nodes] : tally.values) hint.examples.push_back({value, nodes});
  std::ranges::stable_sort(hint.examples, std::ranges::greater(), &ScopeHint::Value::nodes);
  if (hint.examples.size() > example_limit) hint.examples.resize(example_limit);
  return hint;
}

void append_hints(std::vector<ScopeHint>& out, HintKind kind,
                  const std::map<std::string, Tally>& tallies) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  for (const auto& [key, tally] : tallies) out.push_back(to_hint(kind, key, tally));
  std::stable_sort(out.begin() + begin, out.end(),
                   [](const ScopeHint& a, const ScopeHint& b) { return a.nodes > b.nodes; });
}

// The part of a node's name before the first separator; "/model/layer.0/Add" and
// "model.layer.0.Add" both give "model".
std::string_view prefix_of(std::string_view name, char separator) {
  if (name.starts_with(separator)) name.remove_prefix(1);
  const auto end = name.find(separator);
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

}  // namespace

std::vector<ScopeHint> scope_hints(const ModelFile& model) {
  std::map<std::string, Tally> keys;
  std::map<std::string, Tally> prefixes;
  for (const auto& node : model.nodes()) {
    for (const auto& entry : node.metadata) {
      if (is_own_key(entry.key)) continue;
      auto& tally = keys[entry.key];
      ++tally.nodes;
      ++tally.values[entry.value];
    }
    for (const char separator : {'/', '.'}) {
      const auto prefix = prefix_of(node.name, separator);
      if (prefix.empty()) continue;
      auto& tally = prefixes[std::string(1, separator)];
      ++tally.nodes;
      ++tally.values[std::string(prefix)];
      break;
    }
  }
  std::vector<ScopeHint> out;
  append_hints(out, HintKind::metadata_key, keys);
  append_hints(out, HintKind::name_prefix, prefixes);
  return out;
}

}  // namespace onnxpack::model
