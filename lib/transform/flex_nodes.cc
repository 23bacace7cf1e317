#include "flex_nodes.h"

#include <fmt/format.h>

namespace onnxpack::transform {

bool is_flex_attention(const onnx::NodeProto& node) {
  return node.op_type() == flex_name && node.domain() == preview_domain;
}

void TypeScope::add(const std::string& name, std::int32_t data_type,
                    std::optional<std::size_t> rank) {
  known_[name] = {data_type, rank};
}

void TypeScope::add(const std::vector<model::ValueInfo>& values) {
  for (const auto& value : values) {
    if (value.element_type == model::DataType::undefined) continue;
    add(value.name, static_cast<std::int32_t>(value.element_type),
        value.shape ? std::optional(value.shape->size()) : std::nullopt);
  }
}

void TypeScope::add(const onnx::GraphProto& graph) {
  auto add_info = [this](const onnx::ValueInfoProto& info) {
    const auto& tensor = info.type().tensor_type();
    if (info.type().has_tensor_type() && tensor.has_shape())
      add(info.name(), tensor.elem_type(), static_cast<std::size_t>(tensor.shape().dim_size()));
  };
  for (const auto& info : graph.value_info()) add_info(info);
  for (const auto& info : graph.input()) add_info(info);
  for (const auto& tensor : graph.initializer())
    add(tensor.name(), tensor.data_type(), static_cast<std::size_t>(tensor.dims_size()));
}

const TypeScope::Known* TypeScope::known(const std::string& name) const {
  auto found = known_.find(name);
  if (found != known_.end()) return &found->second;
  return outer_ == nullptr ? nullptr : outer_->known(name);
}

std::optional<OuterValue> TypeScope::find(const std::string& name) const {
  const Known* found = known(name);
  if (found == nullptr || !found->rank) return std::nullopt;
  return OuterValue{found->data_type, *found->rank};
}

std::int32_t TypeScope::element_type(const std::string& name) const {
  const Known* found = known(name);
  return found == nullptr ? 0 : found->data_type;
}

namespace {

struct Attributes {
  const onnx::AttributeProto* scale = nullptr;
  const onnx::AttributeProto* precision = nullptr;
  const onnx::GraphProto* score_mod = nullptr;
  const onnx::GraphProto* prob_mod = nullptr;
};

Result<Attributes> read_attributes(const onnx::NodeProto& node) {
  Attributes out;
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == "scale") {
      out.scale = &attribute;
    } else if (attribute.name() == "softmax_precision") {
      out.precision = &attribute;
    } else if (attribute.name() == "score_mod") {
      out.score_mod = &attribute.g();
    } else if (attribute.name() == "prob_mod") {
      out.prob_mod = &attribute.g();
    } else {
      // The preview operator may change under its version number; what is not known is not guessed.
      return fail(ErrorKind::unsupported,
                  fmt::format("attribute '{}' is not one of onnx 1.22's and 1.23's FlexAttention",
                              attribute.name()));
    }
  }
  return out;
}

void add_text(onnx::NodeProto& node, const char* name, const std::string& bytes) {
  auto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s(bytes);
}

struct Lowering {
  onnx::NodeProto node;
  FlexNode report;
};

kernels::Status add_modifier(const onnx::GraphProto* graph, flex::Type precision,
                             const TypeScope& types, const char* name, Lowering& out,
                             std::string& text, std::string& bytes) {
  if (graph == nullptr) return {};
  auto modifier = compile_modifier(*graph, precision,
                                   [&](const std::string& value) { return types.find(value); });
  if (!modifier) return std::unexpected(fmt::format("{}: {}", name, modifier.error()));
  text = flex::to_text(modifier->program);
  bytes = flex::serialize(modifier->program);
  add_text(out.node, name, bytes);
  for (const std::string& captured : modifier->captured) {
    out.node.add_input(captured);
    out.report.captured.push_back(captured);
  }
  return {};
}

kernels::Result<Lowering> lowered(const onnx::NodeProto& node, const Attributes& attributes,
                                  std::int32_t element, const TypeScope& types) {
  Lowering out;
  const auto own = tile_type(element);
  if (!own || !flex::is_float(*own)) return std::unexpected("the element type of Q is not known");
  flex::Type precision = *own == flex::Type::f64 ? flex::Type::f64 : flex::Type::f32;
  if (attributes.precision != nullptr) {
    const auto stated = tile_type(static_cast<std::int32_t>(attributes.precision->i()));
    if (!stated || !flex::is_float(*stated))
      return std::unexpected("a softmax_precision that is no float");
    precision = *stated;
  }
  out.node.set_name(node.name());
  out.node.set_doc_string(node.doc_string());
  *out.node.mutable_metadata_props() = node.metadata_props();
  out.node.set_op_type(flex_name);
  out.node.set_domain(own_domain);
  *out.node.mutable_input() = node.input();
  *out.node.mutable_output() = node.output();
  if (attributes.scale != nullptr) *out.node.add_attribute() = *attributes.scale;
  if (attributes.precision != nullptr) *out.node.add_attribute() = *attributes.precision;
  if (auto ok = add_modifier(attributes.score_mod, precision, types, "score_mod", out,
                             out.report.score_mod, out.report.score_bytes);
      !ok) {
    return std::unexpected(ok.error());
  }
  if (auto ok = add_modifier(attributes.prob_mod, precision, types, "prob_mod", out,
                             out.report.prob_mod, out.report.prob_bytes);
      !ok) {
    return std::unexpected(ok.error());
  }
  return out;
}

}  // namespace

Result<Replaced> replace_flex_attention(const onnx::NodeProto& node, const TypeScope& types,
                                        FlexForm form, const std::string& prefix,
                                        std::int64_t opset) {
  const std::string name =
      node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
  const std::string where = fmt::format("node '{}' (FlexAttention)", name);
  if (node.input_size() != 3 || node.output_size() != 1) {
    return fail(ErrorKind::corrupt, fmt::format("{}: has {} inputs and {} outputs, not 3 and 1",
                                                where, node.input_size(), node.output_size()));
  }
  auto attributes = read_attributes(node);
  if (!attributes) return std::unexpected(std::move(attributes.error()).in(where));
  const std::int32_t element = types.element_type(node.input(0));
  Replaced out;
  if (form == FlexForm::operator_) {
    auto lowering = lowered(node, *attributes, element, types);
    if (lowering) {
      out.nodes.push_back(std::move(lowering->node));
      out.report = std::move(lowering->report);
      out.report.name = name;
      out.uses_operator = true;
      return out;
    }
    out.report.why_expanded = lowering.error();
  }
  out.report.name = name;
  out.report.expanded = true;
  auto nodes = expand_flex_attention(node, element, prefix, opset);
  if (!nodes) return std::unexpected(std::move(nodes.error()).in(where));
  out.nodes = std::move(*nodes);
  return out;
}

}  // namespace onnxpack::transform
