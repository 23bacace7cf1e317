// onnx's own function body, with names that are free in the model.
#include <map>

#include <fmt/format.h>
#include <onnx/defs/schema.h>

#include "flex_nodes.h"

namespace onnxpack::transform {
namespace {

using Names = std::map<std::string, std::string>;

// Names of an inner graph that hide outer ones stay as they are.
void rename(onnx::NodeProto& node, const Names& names);
void rename(onnx::GraphProto& graph, Names names) {
  for (const auto& input : graph.input()) names.erase(input.name());
  for (const auto& tensor : graph.initializer()) names.erase(tensor.name());
  for (const auto& node : graph.node()) {
    for (const auto& output : node.output()) names.erase(output);
  }
  for (auto& node : *graph.mutable_node()) rename(node, names);
  for (auto& output : *graph.mutable_output()) {
    auto found = names.find(output.name());
    if (found != names.end()) output.set_name(found->second);
  }
}

void rename(onnx::NodeProto& node, const Names& names) {
  auto change = [&names](std::string& name) {
    auto found = names.find(name);
    if (found != names.end()) name = found->second;
  };
  for (auto& name : *node.mutable_input()) change(name);
  for (auto& name : *node.mutable_output()) change(name);
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) rename(*attribute.mutable_g(), names);
  }
}

// onnx makes parts of the body as text, whose names know no '.' and no '/'; so a modifier's own
// values get names of ours.
void make_names_plain(onnx::NodeProto& node) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (!attribute.has_g()) continue;
    onnx::GraphProto& graph = *attribute.mutable_g();
    Names names;
    auto plain = [&](std::string& name) {
      if (!name.empty())
        name = names.try_emplace(name, fmt::format("v{}", names.size())).first->second;
    };
    for (auto& input : *graph.mutable_input()) plain(*input.mutable_name());
    for (auto& tensor : *graph.mutable_initializer()) plain(*tensor.mutable_name());
    for (auto& inner : *graph.mutable_node()) {
      for (auto& output : *inner.mutable_output()) plain(output);
    }
    for (auto& inner : *graph.mutable_node()) {
      onnx::NodeProto outputs = inner;  // renamed already
      rename(inner, names);
      *inner.mutable_output() = outputs.output();
    }
    for (auto& output : *graph.mutable_output()) plain(*output.mutable_name());
    graph.clear_value_info();
  }
}

Result<onnx::FunctionProto> build_body(const onnx::NodeProto& node, std::int32_t element_type,
                                       std::int64_t opset) {
  const auto* schema = onnx::OpSchemaRegistry::Schema(flex_name, 1, preview_domain);
  if (schema == nullptr) return fail(ErrorKind::internal, "onnx knows no FlexAttention");
  onnx::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(element_type);
  for (int i = 0; i < 4; ++i) type.mutable_tensor_type()->mutable_shape()->add_dim();
  const onnx::FunctionBodyBuildContextImpl context(node, {type, type, type});
  onnx::FunctionProto body;
  try {
    if (!schema->BuildContextDependentFunction(context, body, static_cast<int>(opset)))
      return fail(ErrorKind::corrupt, "onnx cannot make the function body of it");
  } catch (const std::exception& error) {
    return fail(ErrorKind::corrupt,
                fmt::format("onnx cannot make the function body of it: {}", error.what()));
  }
  return body;
}

}  // namespace

Result<std::vector<onnx::NodeProto>> expand_flex_attention(const onnx::NodeProto& node,
                                                           std::int32_t element_type,
                                                           const std::string& prefix,
                                                           std::int64_t opset) {
  if (!tile_type(element_type))
    return fail(ErrorKind::unsupported,
                fmt::format("the type of its input '{}' is not known", node.input(0)));
  onnx::NodeProto plain = node;
  make_names_plain(plain);
  ONNXPACK_TRY(onnx::FunctionProto body, build_body(plain, element_type, opset));
  Names names;
  for (const auto& inner : body.node()) {
    for (const auto& output : inner.output()) {
      if (!output.empty()) names[output] = prefix + output;
    }
  }
  for (int i = 0; i < body.input_size(); ++i) names[body.input(i)] = node.input(i);
  for (int i = 0; i < body.output_size(); ++i) names[body.output(i)] = node.output(i);
  std::vector<onnx::NodeProto> out;
  for (onnx::NodeProto inner : body.node()) {
    rename(inner, names);
    inner.set_name("");
    out.push_back(std::move(inner));
  }
  return out;
}

}  // namespace onnxpack::transform
