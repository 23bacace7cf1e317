#include <algorithm>
#include <optional>

#include "graph_splice.h"
#include "onnxpack/transform/ternarize.h"
#include "ternary_candidates.h"

namespace onnxpack::transform {
namespace {

std::optional<TernaryCodes> codes_of(const onnx::NodeProto& node, const Initializers& initializers,
                                     const model::ModelFile& model) {
  const int input = node.op_type() == "TernaryMatMul" ? 1 : 0;
  if (input >= node.input_size()) return std::nullopt;
  const auto found = initializers.find(node.input(input));
  if (found == initializers.end() || found->second->type != model::DataType::uint8)
    return std::nullopt;
  TernaryCodes out;
  out.constant = static_cast<std::size_t>(found->second - model.constants().data());
  for (const auto& one : node.attribute()) {
    if (one.name() == "encoding") out.encoding = one.s();
    if (one.name() == "N") out.rows = one.i();
    if (one.name() == "K") out.columns = one.i();
  }
  return out;
}

}  // namespace

Result<std::vector<TernaryCodes>> ternary_codes(const model::ModelFile& model) {
  std::vector<TernaryCodes> out;
  const auto is_ours = [](const model::Node& node) {
    return node.domain == "org.onnxpack" &&
           (node.op_type == "TernaryMatMul" || node.op_type == "TernaryGather");
  };
  if (std::ranges::none_of(model.nodes(), is_ours)) return out;
  Initializers initializers;
  for (const auto& constant : model.constants())
    if (constant.source == model::ConstantSource::initializer && constant.where == "graph")
      initializers.emplace(constant.name, &constant);
  ONNXPACK_TRY(auto fields, node_fields(model));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!is_ours(model.nodes()[i])) continue;
    ONNXPACK_TRY(onnx::NodeProto node, read_node(model, fields[i]));
    if (auto codes = codes_of(node, initializers, model)) out.push_back(std::move(*codes));
  }
  return out;
}

}  // namespace onnxpack::transform
