// One pass over ModelProto: facts of the graph, and for every tensor where its bytes are.
#include <fmt/format.h>

#include <utility>

#include "facts.h"
#include "onnx_fields.h"
#include "walk_constant.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

class Walk {
 public:
  explicit Walk(const io::ReadableFile& file) : input_(file) {}

  Result<Walked> run() {
    ONNXPACK_CHECK(model(WireMessage(input_)));
    return std::move(out_);
  }

 private:
  Status model(WireMessage message);
  Status graph(WireMessage message, const Place& place, bool top);
  Status top_node(WireMessage message);
  Status nested_node(WireMessage message, const Place& place);
  Status attribute(WireMessage message, const Place& place, std::string_view node_text);
  Status function(WireMessage message);
  Status training(WireMessage message);
  Status tensor(WireMessage message, const Place& place, ConstantSource source);
  Status sparse_tensor(WireMessage message, const Place& place, ConstantSource values,
                       ConstantSource indices);
  void split_inputs();

  WireInput input_;
  Walked out_;
  std::unordered_set<std::string> initialized_;
};

Status Walk::model(WireMessage message) {
  auto& facts = out_.facts;
  while (true) {
    auto next = message.next();
    if (!next) {
      const auto* what = facts.ir_version > 0 ? "damaged or truncated model" : "not an ONNX model";
      return std::unexpected(std::move(next.error()).in(what));
    }
    const auto& field = *next;
    if (!field) break;
    if (field->is(field::model::ir_version, WireType::varint)) {
      facts.ir_version = static_cast<std::int64_t>(field->value);
    } else if (field->is(field::model::model_version, WireType::varint)) {
      facts.model_version = static_cast<std::int64_t>(field->value);
    }
    if (field->type != WireType::bytes) continue;
    switch (field->number) {
      case field::model::producer_name: {
        ONNXPACK_TRY(facts.producer_name, message.text(*field));
        break;
      }
      case field::model::producer_version: {
        ONNXPACK_TRY(facts.producer_version, message.text(*field));
        break;
      }
      case field::model::domain: {
        ONNXPACK_TRY(facts.domain, message.text(*field));
        break;
      }
      case field::model::opset_import: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_TRY(OpsetImport import, walk_opset_import(inside));
        facts.opset_imports.push_back(std::move(import));
        break;
      }
      case field::model::graph: {
        facts.has_graph = true;
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_CHECK(graph(inside, {.where = "graph", .node = {}}, true));
        break;
      }
      case field::model::metadata: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_TRY(MetadataEntry entry, walk_entry(inside));
        auto& list = is_own_key(entry.key) ? facts.own_metadata : facts.metadata;
        list.push_back(std::move(entry));
        break;
      }
      case field::model::functions: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_CHECK(function(inside));
        break;
      }
      case field::model::training_info: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_CHECK(training(inside));
        break;
      }
      default:
        break;
    }
  }
  facts.is_annotated = facts.is_annotated || !facts.own_metadata.empty();
  split_inputs();
  return {};
}

Status Walk::graph(WireMessage message, const Place& place, bool top) {
  auto& facts = out_.facts;
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (field->type != WireType::bytes) continue;
    switch (field->number) {
      case field::graph::node: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_CHECK(top ? top_node(inside) : nested_node(inside, place));
        break;
      }
      case field::graph::initializer: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        const auto index = out_.facts.constants.size();
        ONNXPACK_CHECK(tensor(inside, place, ConstantSource::initializer));
        if (top) initialized_.insert(facts.constants[index].name);
        break;
      }
      case field::graph::sparse_initializer: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        const auto index = out_.facts.constants.size();
        ONNXPACK_CHECK(sparse_tensor(inside, place, ConstantSource::sparse_initializer_values,
                                     ConstantSource::sparse_initializer_indices));
        for (auto i = index; top && i < facts.constants.size(); ++i) {
          if (facts.constants[i].source == ConstantSource::sparse_initializer_values) {
            initialized_.insert(facts.constants[i].name);
          }
        }
        break;
      }
      case field::graph::name:
        if (top) {
          ONNXPACK_TRY(facts.graph_name, message.text(*field));
        }
        break;
      case field::graph::input:
      case field::graph::output:
        if (top) {
          ONNXPACK_TRY(WireMessage inside, message.enter(*field));
          ONNXPACK_TRY(ValueInfo info, walk_value_info(inside));
          auto& list = field->number == field::graph::input ? facts.inputs : facts.outputs;
          list.push_back(std::move(info));
        }
        break;
      default:
        break;
    }
  }
}

Status Walk::top_node(WireMessage message) {
  Node node;
  std::vector<WireField> attributes;  // after the names, which may come later in the message
  auto fields = message;
  while (true) {
    ONNXPACK_TRY(auto field, fields.next());
    if (!field) break;
    if (field->type != WireType::bytes) continue;
    std::string* text = nullptr;
    switch (field->number) {
      case field::node::input:
        text = &node.inputs.emplace_back();
        break;
      case field::node::output:
        text = &node.outputs.emplace_back();
        break;
      case field::node::name:
        text = &node.name;
        break;
      case field::node::op_type:
        text = &node.op_type;
        break;
      case field::node::domain:
        text = &node.domain;
        break;
      case field::node::overload:
        text = &node.overload;
        break;
      case field::node::attribute:
        attributes.push_back(*field);
        break;
      case field::node::metadata: {
        ONNXPACK_TRY(WireMessage inside, message.enter(*field));
        ONNXPACK_TRY(MetadataEntry entry, walk_entry(inside));
        if (is_own_key(entry.key)) out_.facts.is_annotated = true;
        node.metadata.push_back(std::move(entry));
        break;
      }
      default:
        break;
    }
    if (text != nullptr) {
      ONNXPACK_TRY(*text, message.text(*field));
    }
  }
  const auto index = out_.facts.nodes.size();
  const auto text = fmt::format("node {} ({})", index, node.op_type);
  out_.facts.nodes.push_back(std::move(node));
  for (const auto& field : attributes) {
    ONNXPACK_TRY(WireMessage inside, message.enter(field));
    ONNXPACK_CHECK(attribute(inside, {.where = {}, .node = index}, text));
  }
  return {};
}

Status Walk::nested_node(WireMessage message, const Place& place) {
  ++out_.facts.nested_node_count;
  std::string op_type;
  std::vector<WireField> attributes;
  auto fields = message;
  while (true) {
    ONNXPACK_TRY(auto field, fields.next());
    if (!field) break;
    if (field->is(field::node::op_type, WireType::bytes)) {
      ONNXPACK_TRY(op_type, message.text(*field));
    }
    if (field->is(field::node::attribute, WireType::bytes)) attributes.push_back(*field);
  }
  for (const auto& field : attributes) {
    ONNXPACK_TRY(WireMessage inside, message.enter(field));
    ONNXPACK_CHECK(attribute(inside, place, fmt::format("{}, {}", place.where, op_type)));
  }
  return {};
}

Status Walk::attribute(WireMessage message, const Place& place, std::string_view node_text) {
  std::string name;
  std::vector<WireField> holders;
  auto fields = message;
  while (true) {
    ONNXPACK_TRY(auto field, fields.next());
    if (!field) break;
    if (field->type != WireType::bytes) continue;
    switch (field->number) {
      case field::attribute::name: {
        ONNXPACK_TRY(name, message.text(*field));
        break;
      }
      case field::attribute::t:
      case field::attribute::g:
      case field::attribute::tensors:
      case field::attribute::graphs:
      case field::attribute::sparse_tensor:
      case field::attribute::sparse_tensors:
        holders.push_back(*field);
        break;
      default:
        break;
    }
  }
  if (holders.empty()) return {};
  const Place here{.where = fmt::format("{} {}", node_text, name), .node = place.node};
  for (const auto& field : holders) {
    ONNXPACK_TRY(WireMessage inside, message.enter(field));
    switch (field.number) {
      case field::attribute::t:
      case field::attribute::tensors:
        ONNXPACK_CHECK(tensor(inside, here, ConstantSource::attribute));
        break;
      case field::attribute::g:
      case field::attribute::graphs:
        ONNXPACK_CHECK(graph(inside, here, false));
        break;
      default:
        ONNXPACK_CHECK(sparse_tensor(inside, here, ConstantSource::sparse_attribute_values,
                                     ConstantSource::sparse_attribute_indices));
    }
  }
  return {};
}

Status Walk::function(WireMessage message) {
  LocalFunction function;
  std::vector<WireField> nodes;
  std::vector<WireField> defaults;
  auto fields = message;
  while (true) {
    ONNXPACK_TRY(auto field, fields.next());
    if (!field) break;
    if (field->type != WireType::bytes) continue;
    std::string* text = nullptr;
    if (field->number == field::function::name) text = &function.name;
    if (field->number == field::function::domain) text = &function.domain;
    if (field->number == field::function::overload) text = &function.overload;
    if (field->number == field::function::node) nodes.push_back(*field);
    if (field->number == field::function::attribute_proto) defaults.push_back(*field);
    if (text != nullptr) {
      ONNXPACK_TRY(*text, message.text(*field));
    }
  }
  function.node_count = nodes.size();
  const Place place{.where = fmt::format("function {}:{}", function.domain, function.name),
                    .node = {}};
  out_.facts.functions.push_back(std::move(function));
  for (const auto& field : nodes) {
    ONNXPACK_TRY(WireMessage inside, message.enter(field));
    ONNXPACK_CHECK(nested_node(inside, place));
  }
  for (const auto& field : defaults) {
    ONNXPACK_TRY(WireMessage inside, message.enter(field));
    ONNXPACK_CHECK(attribute(inside, place, place.where));
  }
  return {};
}

Status Walk::training(WireMessage message) {
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (field->type != WireType::bytes || field->number > field::training::algorithm) continue;
    ONNXPACK_TRY(WireMessage inside, message.enter(*field));
    ONNXPACK_CHECK(graph(inside, {.where = "training graph", .node = {}}, false));
  }
}

Status Walk::tensor(WireMessage message, const Place& place, ConstantSource source) {
  ONNXPACK_TRY(FoundConstant found, walk_constant(message, place, source));
  if (found.external)
    out_.external.push_back({out_.facts.constants.size(), std::move(*found.external)});
  out_.facts.constants.push_back(std::move(found.constant));
  return {};
}

Status Walk::sparse_tensor(WireMessage message, const Place& place, ConstantSource values,
                           ConstantSource indices) {
  while (true) {
    ONNXPACK_TRY(auto field, message.next());
    if (!field) return {};
    if (field->type != WireType::bytes || field->number > field::sparse_tensor::indices) continue;
    ONNXPACK_TRY(WireMessage inside, message.enter(*field));
    const bool is_values = field->number == field::sparse_tensor::values;
    ONNXPACK_CHECK(tensor(inside, place, is_values ? values : indices));
  }
}

void Walk::split_inputs() {
  auto& facts = out_.facts;
  std::vector<ValueInfo> needed;
  for (auto& input : facts.inputs) {
    auto& list = initialized_.contains(input.name) ? facts.defaulted_inputs : needed;
    list.push_back(std::move(input));
  }
  facts.inputs = std::move(needed);
}

}  // namespace

Result<Walked> walk_model(const io::ReadableFile& file) {
  return Walk(file).run();
}

}  // namespace onnxpack::model
