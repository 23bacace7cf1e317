#include "raise_opset.h"

#include <fmt/format.h>
#include <onnx/defs/schema.h>

#include <set>

namespace onnxpack::transform {
namespace {

using onnx::OpSchema;

// Every old attribute is there, as it was; new ones may be left out.
bool keeps_attributes(const OpSchema& before, const OpSchema& after) {
  for (const auto& [name, old] : before.attributes()) {
    const auto at = after.attributes().find(name);
    if (at == after.attributes().end() || at->second.type != old.type) return false;
    if (at->second.default_value.SerializeAsString() != old.default_value.SerializeAsString())
      return false;
  }
  for (const auto& [name, now] : after.attributes())
    if (!before.attributes().contains(name) && now.required) return false;
  return true;
}

bool keeps_inputs(const OpSchema& before, const OpSchema& after) {
  if (after.inputs().size() < before.inputs().size() || after.min_input() > before.min_input())
    return false;
  for (std::size_t i = 0; i < before.inputs().size(); ++i)
    if (before.inputs()[i].GetName() != after.inputs()[i].GetName() ||
        before.inputs()[i].GetOption() != after.inputs()[i].GetOption())
      return false;
  return true;
}

Status compare(const std::string& op_type, std::int64_t from, std::int64_t to) {
  const auto* before = onnx::OpSchemaRegistry::Schema(op_type, static_cast<int>(from), "");
  const auto* after = onnx::OpSchemaRegistry::Schema(op_type, static_cast<int>(to), "");
  if (before == nullptr || after == nullptr)
    return fail(ErrorKind::unsupported,
                fmt::format("onnx knows no {} of both opset {} and {}", op_type, from, to));
  const bool same =
      before->SinceVersion() == after->SinceVersion() ||
      (!after->Deprecated() && keeps_attributes(*before, *after) && keeps_inputs(*before, *after));
  if (same) return {};
  return fail(
      ErrorKind::unsupported,
      fmt::format("opset {} cannot be raised to {}: {} changed meanwhile", from, to, op_type),
      "convert the model with onnx.version_converter first, or choose another form");
}

}  // namespace

Status may_raise_opset(const model::ModelFile& model, std::int64_t from, std::int64_t to) {
  if (from >= to) return {};
  if (model.nested_node_count() != 0 || !model.functions().empty())
    return fail(
        ErrorKind::unsupported,
        fmt::format("opset {} is not raised to {} in a model with bodies or functions", from, to));
  std::set<std::string> seen;
  for (const auto& node : model.nodes()) {
    if (!node.domain.empty() && node.domain != "ai.onnx") continue;
    if (seen.insert(node.op_type).second) ONNXPACK_CHECK(compare(node.op_type, from, to));
  }
  return {};
}

}  // namespace onnxpack::transform
