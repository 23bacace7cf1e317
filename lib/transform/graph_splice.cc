#include "graph_splice.h"

#include <fmt/format.h>

#include "onnxpack/base/bytes.h"

namespace onnxpack::transform {
namespace {

// onnx.proto's field numbers.
constexpr std::uint32_t model_graph = 7;
constexpr std::uint32_t model_opset_import = 8;
constexpr std::uint32_t model_functions = 25;
constexpr std::uint32_t graph_node = 1;
constexpr std::uint32_t graph_initializer = 5;
constexpr std::uint64_t largest_message = std::uint64_t{256} << 20;

using model::WireField;
using model::WireInput;
using model::WireMessage;
using model::WireType;

template <typename Message>
Bytes field_of(std::uint32_t number, const Message& message) {
  const std::string text = message.SerializeAsString();
  Bytes out;
  model::append_bytes_field(out, number, as_bytes(text));
  return out;
}

template <typename Message>
Result<Message> read_message(const model::ModelFile& model, const WireField& field,
                             std::string_view what) {
  if (field.size > largest_message)
    return fail(ErrorKind::unsupported,
                fmt::format("a {} of {} bytes is larger than 256 MiB", what, field.size));
  Bytes bytes(field.size);
  ONNXPACK_CHECK(model.file().read_at(field.payload, bytes));
  Message out;
  if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorKind::corrupt,
                fmt::format("the {} at byte {} cannot be read", what, field.begin));
  return out;
}

class Editor {
 public:
  Editor(const model::ModelFile& model, const GraphEdit& edit) : model_(model), edit_(edit) {}

  Result<model::Splice> run() {
    WireInput input(model_.file());
    WireMessage top(input);
    while (true) {
      ONNXPACK_TRY(auto field, top.next());
      if (!field) break;
      if (field->is(model_graph, WireType::bytes)) {
        ONNXPACK_TRY(WireMessage graph, top.enter(*field));
        ONNXPACK_CHECK(edit_graph(graph, *field));
      } else if (field->is(model_functions, WireType::bytes) && edit_.keeps_function) {
        ONNXPACK_TRY(bool kept, edit_.keeps_function(*field));
        if (kept) continue;
        out_.append_range({copied_, field->begin - copied_});
        copied_ = field->end();
      }
    }
    out_.append_range({copied_, model_.file().size() - copied_});
    if (edit_.imports) {
      for (const auto& import : edit_.imports())
        out_.append_bytes(field_of(model_opset_import, import));
    }
    return std::move(out_);
  }

 private:
  Status edit_graph(WireMessage graph, const WireField& whole) {
    model::Splice edited;
    std::uint64_t copied = graph.begin();
    std::size_t index = 0;
    bool changed = false;
    while (true) {
      ONNXPACK_TRY(auto field, graph.next());
      if (!field) break;
      if (!field->is(graph_node, WireType::bytes)) continue;
      if (!edit_.looks_at(model_.nodes()[index++])) continue;
      ONNXPACK_TRY(auto node, read_node(model_, *field));
      ONNXPACK_TRY(auto nodes, edit_.replace(std::move(node)));
      if (!nodes) continue;
      changed = true;
      edited.append_range({copied, field->begin - copied});
      for (const auto& made : *nodes) edited.append_bytes(field_of(graph_node, made));
      copied = field->end();
    }
    if (!changed) return {};
    edited.append_range({copied, graph.end() - copied});
    if (edit_.initializers) {
      for (const auto& tensor : edit_.initializers())
        edited.append_bytes(field_of(graph_initializer, tensor));
    }
    out_.append_range({copied_, whole.begin - copied_});
    copied_ = whole.end();
    append_graph(out_, edited);
    return {};
  }

  const model::ModelFile& model_;
  const GraphEdit& edit_;
  model::Splice out_;
  std::uint64_t copied_ = 0;  // up to here, the old file is in out_ or left away
};

}  // namespace

Result<model::Splice> edit_model(const model::ModelFile& model, const GraphEdit& edit) {
  return Editor(model, edit).run();
}

void append_graph(model::Splice& model, const model::Splice& graph) {
  Bytes head;
  model::append_tag(head, model_graph, WireType::bytes);
  model::append_varint(head, graph.size);
  model.append_bytes(head);
  for (const model::Segment& segment : graph.segments) {
    if (const auto* range = std::get_if<model::FileRange>(&segment)) {
      model.append_range(*range);
    } else {
      model.append_bytes(std::get<Bytes>(segment));
    }
  }
}

std::int64_t default_opset(const model::ModelFile& model) {
  for (const auto& import : model.opset_imports()) {
    if (import.domain.empty() || import.domain == "ai.onnx") return import.version;
  }
  return 0;
}

Result<onnx::NodeProto> read_node(const model::ModelFile& model, const WireField& field) {
  return read_message<onnx::NodeProto>(model, field, "node");
}

Result<onnx::FunctionProto> read_function(const model::ModelFile& model,
                                          const model::WireField& field) {
  return read_message<onnx::FunctionProto>(model, field, "function");
}

bool holds_graphs(const std::string& op_type) {
  return op_type == "If" || op_type == "Loop" || op_type == "Scan" || op_type == "SequenceMap";
}

}  // namespace onnxpack::transform
