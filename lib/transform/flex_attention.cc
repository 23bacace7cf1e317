#include "onnxpack/transform/flex_attention.h"

#include <algorithm>

#include <fmt/format.h>

#include "flex_nodes.h"
#include "onnxpack/model/check.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::transform {
namespace {

// onnx.proto's field numbers.
constexpr std::uint32_t model_graph = 7;
constexpr std::uint32_t model_opset_import = 8;
constexpr std::uint32_t graph_node = 1;
constexpr std::uint64_t largest_node = std::uint64_t{256} << 20;

using model::WireField;
using model::WireInput;
using model::WireMessage;
using model::WireType;

bool holds_graphs(const std::string& op_type) {
  return op_type == "If" || op_type == "Loop" || op_type == "Scan";
}

std::int64_t default_opset(const model::ModelFile& model) {
  for (const auto& import : model.opset_imports()) {
    if (import.domain.empty() || import.domain == "ai.onnx") return import.version;
  }
  return 0;
}

class Lowerer {
 public:
  Lowerer(const model::ModelFile& model, FlexForm form)
      : model_(model), form_(form), opset_(default_opset(model)) {}

  Result<FlexLowering> run() {
    ONNXPACK_CHECK(learn_types());
    WireInput input(model_.file());
    WireMessage top(input);
    std::uint64_t copied = 0;
    while (true) {
      ONNXPACK_TRY(auto field, top.next());
      if (!field) break;
      if (!field->is(model_graph, WireType::bytes)) continue;
      ONNXPACK_TRY(WireMessage graph, top.enter(*field));
      ONNXPACK_CHECK(edit_graph(graph));
      if (out_.nodes.empty()) continue;
      out_.splice.append_range({copied, field->begin - copied});
      append_graph();
      copied = field->end();
    }
    out_.splice.append_range({copied, model_.file().size() - copied});
    if (uses_operator_) append_import();
    return std::move(out_);
  }

 private:
  Status learn_types() {
    ONNXPACK_TRY(model::CheckReport report, model::check(model_));
    for (const auto& value : report.values) {
      if (value.shape)
        types_.add(value.name,
                   {static_cast<std::int32_t>(value.element_type), value.shape->size()});
    }
    for (const auto& constant : model_.constants()) {
      if (constant.source == model::ConstantSource::initializer && constant.where == "graph")
        types_.add(constant.name, {static_cast<std::int32_t>(constant.type), constant.dims.size()});
    }
    return {};
  }

  // Collects the edited graph: ranges of the file with new nodes between.
  Status edit_graph(WireMessage graph) {
    std::uint64_t copied = graph.begin();
    std::size_t index = 0;
    while (true) {
      ONNXPACK_TRY(auto field, graph.next());
      if (!field) break;
      if (!field->is(graph_node, WireType::bytes)) continue;
      const model::Node& facts = model_.nodes()[index++];
      const bool here = facts.op_type == flex_name && facts.domain == preview_domain;
      if (!here && !holds_graphs(facts.op_type)) continue;
      ONNXPACK_TRY(onnx::NodeProto node, read_node(*field));
      const std::size_t before = out_.nodes.size();
      ONNXPACK_TRY(auto nodes, edited({node}, types_));
      if (out_.nodes.size() == before) continue;
      graph_.append_range({copied, field->begin - copied});
      for (const auto& made : nodes) append_node(made);
      copied = field->end();
    }
    graph_.append_range({copied, graph.end() - copied});
    return {};
  }

  Result<onnx::NodeProto> read_node(const WireField& field) const {
    if (field.size > largest_node)
      return fail(ErrorKind::unsupported,
                  fmt::format("a node of {} bytes is larger than 256 MiB", field.size));
    Bytes bytes(field.size);
    ONNXPACK_CHECK(model_.file().read_at(field.payload, bytes));
    onnx::NodeProto out;
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return fail(ErrorKind::corrupt,
                  fmt::format("the node at byte {} cannot be read", field.begin));
    return out;
  }

  // The nodes with every FlexAttention among them, or in their bodies, replaced.
  Result<std::vector<onnx::NodeProto>> edited(std::vector<onnx::NodeProto> nodes,
                                              const TypeScope& types) {
    std::vector<onnx::NodeProto> out;
    for (onnx::NodeProto& node : nodes) {
      if (is_flex_attention(node)) {
        ONNXPACK_TRY(Replaced replaced,
                     replace_flex_attention(node, types, form_, out_.nodes.size(), opset_));
        uses_operator_ = uses_operator_ || replaced.uses_operator;
        out_.nodes.push_back(std::move(replaced.report));
        std::ranges::move(replaced.nodes, std::back_inserter(out));
        continue;
      }
      ONNXPACK_CHECK(edit_bodies(node, types));
      out.push_back(std::move(node));
    }
    return out;
  }

  Status edit_bodies(onnx::NodeProto& node, const TypeScope& types) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_g()) continue;
      TypeScope inner(&types);
      inner.add(attribute.g());
      const auto& old = attribute.g().node();
      ONNXPACK_TRY(auto nodes, edited({old.begin(), old.end()}, inner));
      auto* target = attribute.mutable_g()->mutable_node();
      target->Clear();
      for (auto& made : nodes) *target->Add() = std::move(made);
    }
    return {};
  }

  void append_node(const onnx::NodeProto& node) {
    std::string text;
    node.SerializeToString(&text);
    Bytes bytes;
    model::append_bytes_field(bytes, graph_node, as_bytes(text));
    graph_.append_bytes(bytes);
  }
  static ByteView as_bytes(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  }

  void append_graph() {
    Bytes head;
    model::append_tag(head, model_graph, WireType::bytes);
    model::append_varint(head, graph_.size);
    out_.splice.append_bytes(head);
    for (const model::Segment& segment : graph_.segments) {
      if (const auto* range = std::get_if<model::FileRange>(&segment)) {
        out_.splice.append_range(*range);
      } else {
        out_.splice.append_bytes(std::get<Bytes>(segment));
      }
    }
  }

  void append_import() {
    onnx::OperatorSetIdProto import;
    import.set_domain(own_domain);
    import.set_version(1);
    std::string text;
    import.SerializeToString(&text);
    Bytes bytes;
    model::append_bytes_field(bytes, model_opset_import, as_bytes(text));
    out_.splice.append_bytes(bytes);
  }

  const model::ModelFile& model_;
  FlexForm form_;
  std::int64_t opset_;
  TypeScope types_;
  model::Splice graph_;
  FlexLowering out_;
  bool uses_operator_ = false;
};

}  // namespace

bool has_flex_attention(const model::ModelFile& model) {
  return std::ranges::any_of(model.nodes(), [](const model::Node& node) {
    return node.op_type == flex_name && node.domain == preview_domain;
  });
}

Result<FlexLowering> lower_flex_attention(const model::ModelFile& model, FlexForm form) {
  return Lowerer(model, form).run();
}

}  // namespace onnxpack::transform
