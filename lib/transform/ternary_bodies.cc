#include "ternary_bodies.h"

namespace onnxpack::transform {
namespace {

Hidden with_own(const onnx::GraphProto& graph, Hidden hidden) {
  for (const auto& input : graph.input()) hidden.insert(input.name());
  for (const auto& tensor : graph.initializer()) hidden.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) hidden.insert(tensor.values().name());
  return hidden;
}

void visit(const onnx::GraphProto& graph, const Hidden& around,
           const std::function<void(const onnx::NodeProto&, const Hidden&)>& look,
           const std::function<void(const std::string&, const Hidden&)>& gives) {
  Hidden hidden = with_own(graph, around);
  for (const auto& node : graph.node()) {
    look(node, hidden);
    for (const auto& one : node.attribute())
      if (one.has_g()) visit(one.g(), hidden, look, gives);
    hidden.insert(node.output().begin(), node.output().end());
  }
  for (const auto& output : graph.output()) gives(output.name(), hidden);
}

void rewrite(onnx::GraphProto& graph, const Hidden& around, const ReplaceNode& replace) {
  Hidden hidden = with_own(graph, around);
  std::vector<onnx::NodeProto> nodes;
  for (auto& node : *graph.mutable_node()) {
    for (auto& one : *node.mutable_attribute())
      if (one.has_g()) rewrite(*one.mutable_g(), hidden, replace);
    hidden.insert(node.output().begin(), node.output().end());
    auto made = replace(node, hidden);
    if (!made) {
      nodes.push_back(std::move(node));
      continue;
    }
    for (auto& one : *made) nodes.push_back(std::move(one));
  }
  graph.clear_node();
  for (auto& node : nodes) *graph.add_node() = std::move(node);
}

}  // namespace

void visit_bodies(const onnx::NodeProto& node,
                  const std::function<void(const onnx::NodeProto&, const Hidden&)>& look,
                  const std::function<void(const std::string&, const Hidden&)>& gives) {
  for (const auto& one : node.attribute())
    if (one.has_g()) visit(one.g(), {}, look, gives);
}

void rewrite_bodies(onnx::NodeProto& node, const ReplaceNode& replace) {
  for (auto& one : *node.mutable_attribute())
    if (one.has_g()) rewrite(*one.mutable_g(), {}, replace);
}

}  // namespace onnxpack::transform
