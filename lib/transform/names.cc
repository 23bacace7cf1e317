#include "names.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "graph_splice.h"

namespace onnxpack::transform {
namespace {

using Use = std::function<void(const std::string&)>;

void use_bodies(const onnx::NodeProto& node, const Use& use) {
  for (const auto& attribute : node.attribute()) {
    const onnx::GraphProto& graph = attribute.g();
    for (const auto& input : graph.input()) use(input.name());
    for (const auto& tensor : graph.initializer()) use(tensor.name());
    for (const auto& tensor : graph.sparse_initializer()) use(tensor.values().name());
    for (const auto& inner : graph.node()) {
      for (const auto& output : inner.output()) use(output);
      use_bodies(inner, use);
    }
  }
}

}  // namespace

Status for_each_value(const model::ModelFile& model, const Use& use) {
  for (const auto& input : model.inputs()) use(input.name);
  for (const auto& input : model.defaulted_inputs()) use(input.name);
  for (const auto& constant : model.constants()) use(constant.name);
  for (const auto& node : model.nodes())
    for (const auto& output : node.outputs) use(output);
  if (model.nested_node_count() == 0) return {};
  GraphEdit look;
  look.looks_at = [](const model::Node& node) { return holds_graphs(node.op_type); };
  look.replace =
      [&](const onnx::NodeProto& node) -> Result<std::optional<std::vector<onnx::NodeProto>>> {
    use_bodies(node, use);
    return std::nullopt;
  };
  ONNXPACK_CHECK(edit_model(model, look));
  return {};
}

Result<std::string> free_stem(const model::ModelFile& model, const std::string& stem) {
  std::set<std::string> taken;  // what stands before a dot
  ONNXPACK_CHECK(for_each_value(model, [&](const std::string& name) {
    if (!name.starts_with(stem)) return;
    if (auto dot = name.find('.', stem.size()); dot != std::string::npos)
      taken.insert(name.substr(0, dot));
  }));
  std::string out = stem;
  for (int number = 2; taken.contains(out); ++number) out = fmt::format("{}{}", stem, number);
  return out;
}

std::string free_mark(const std::set<std::string>& stems, const std::set<std::string>& taken) {
  // A name that was made may be the stem of a further one: y.float.abs.
  const auto met_by = [&](std::string name, const std::string& mark) {
    for (auto dot = name.rfind('.'); dot != std::string::npos; dot = name.rfind('.')) {
      if (dot + 1 < mark.size()) return false;
      const auto begin = dot + 1 - mark.size();
      if (name.compare(begin, mark.size(), mark) != 0) return false;
      name.resize(begin);
      if (stems.contains(name)) return true;
    }
    return false;
  };
  const auto met = [&](const std::string& mark) {
    return std::ranges::any_of(taken, [&](const auto& name) { return met_by(name, mark); });
  };
  std::string out = ".";
  for (int number = 2; met(out); ++number) out = fmt::format(".{}.", number);
  return out;
}

}  // namespace onnxpack::transform
