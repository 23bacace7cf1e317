#include "onnxpack/transform/flex_attention.h"

#include <algorithm>

#include <fmt/format.h>

#include "flex_nodes.h"
#include "graph_splice.h"
#include "inline_functions.h"
#include "names.h"
#include "onnxpack/model/check.h"

namespace onnxpack::transform {
namespace {

class Lowerer {
 public:
  Lowerer(const model::ModelFile& model, FlexForm form)
      : model_(model), form_(form), opset_(default_opset(model)) {}

  Result<FlexLowering> run() {
    ONNXPACK_CHECK(learn_types());
    ONNXPACK_TRY(stem_, free_stem(model_, "onnxpack.flex"));
    GraphEdit edit;
    edit.looks_at = [](const model::Node& node) {
      return holds_graphs(node.op_type) ||
             (node.op_type == flex_name && node.domain == preview_domain);
    };
    edit.replace =
        [&](onnx::NodeProto node) -> Result<std::optional<std::vector<onnx::NodeProto>>> {
      const std::size_t before = out_.nodes.size();
      ONNXPACK_TRY(auto nodes, edited({std::move(node)}, types_, ""));
      if (out_.nodes.size() == before) return std::nullopt;
      return nodes;
    };
    edit.imports = [&]() -> std::vector<onnx::OperatorSetIdProto> {
      if (!uses_operator_ || imports_own()) return {};
      onnx::OperatorSetIdProto import;
      import.set_domain(own_domain);
      import.set_version(1);
      return {import};
    };
    ONNXPACK_TRY(out_.splice, edit_model(model_, edit));
    return std::move(out_);
  }

 private:
  bool imports_own() const {
    return std::ranges::any_of(model_.opset_imports(),
                               [](const auto& import) { return import.domain == own_domain; });
  }

  Status learn_types() {
    ONNXPACK_TRY(model::CheckReport report, model::check(model_));
    types_.add(report.values);
    bodies_ = std::move(report.bodies);
    for (const auto& constant : model_.constants()) {
      if (constant.source == model::ConstantSource::initializer && constant.where == "graph")
        types_.add(constant.name, static_cast<std::int32_t>(constant.type), constant.dims.size());
    }
    return {};
  }

  // The nodes with every FlexAttention among them, or in their bodies, replaced.
  Result<std::vector<onnx::NodeProto>> edited(std::vector<onnx::NodeProto> nodes,
                                              const TypeScope& types, const std::string& path) {
    std::vector<onnx::NodeProto> out;
    for (onnx::NodeProto& node : nodes) {
      if (is_flex_attention(node)) {
        ONNXPACK_TRY(
            Replaced replaced,
            replace_flex_attention(node, types, form_,
                                   fmt::format("{}.{}.", stem_, out_.nodes.size()), opset_));
        uses_operator_ = uses_operator_ || replaced.uses_operator;
        out_.nodes.push_back(std::move(replaced.report));
        std::ranges::move(replaced.nodes, std::back_inserter(out));
        continue;
      }
      ONNXPACK_CHECK(edit_bodies(node, types, path));
      out.push_back(std::move(node));
    }
    return out;
  }

  Status edit_bodies(onnx::NodeProto& node, const TypeScope& types, const std::string& path) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_g() || node.output_size() == 0) continue;
      const std::string inner_path = model::body_path(path, node.output(0), attribute.name());
      TypeScope inner(&types);
      inner.add(bodies_[inner_path]);
      inner.add(attribute.g());
      const auto& old = attribute.g().node();
      ONNXPACK_TRY(auto nodes, edited({old.begin(), old.end()}, inner, inner_path));
      auto* target = attribute.mutable_g()->mutable_node();
      target->Clear();
      for (auto& made : nodes) *target->Add() = std::move(made);
    }
    return {};
  }

  const model::ModelFile& model_;
  FlexForm form_;
  std::int64_t opset_;
  std::string stem_;  // of the names of expansions
  TypeScope types_;
  std::map<std::string, std::vector<model::ValueInfo>> bodies_;
  FlexLowering out_;
  bool uses_operator_ = false;
};

}  // namespace

Result<bool> has_flex_attention(const model::ModelFile& model) {
  const bool at_top = std::ranges::any_of(model.nodes(), [](const model::Node& node) {
    return node.op_type == flex_name && node.domain == preview_domain;
  });
  if (at_top) return true;
  return is_nested(model, is_flex_attention);
}

// In two steps where functions hold some: written out first, so that types of their values are
// known.
Result<FlexLowering> lower_flex_attention(const model::ModelFile& model, FlexForm form) {
  ONNXPACK_TRY(auto inlined, inline_functions(model, is_flex_attention));
  if (!inlined) return Lowerer(model, form).run();
  ONNXPACK_TRY(auto flat, model::open_spliced(model, *inlined));
  ONNXPACK_TRY(auto out, Lowerer(flat, form).run());
  out.splice = model::compose(out.splice, *inlined);
  return out;
}

std::vector<FlexNode> to_lower(const model::ModelFile& model) {
  auto has = has_flex_attention(model);
  if (!has || !*has) return {};
  auto lowering = lower_flex_attention(model, FlexForm::operator_);
  return lowering ? std::move(lowering->nodes) : std::vector<FlexNode>();
}

}  // namespace onnxpack::transform
