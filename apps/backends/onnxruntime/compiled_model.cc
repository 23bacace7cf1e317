#include "compiled_model.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using wire::Field;

struct Attribute {
  std::string_view name;
  std::uint64_t integer = 0;
  std::string_view text;
};

Result<Attribute> read_attribute(ByteView message) {
  Attribute out;
  ONNXPACK_CHECK(wire::for_each_field(message, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::attribute_name)) out.name = as_text(field.content);
    if (field.is_varint(onnx_field::attribute_integer)) out.integer = field.value;
    if (field.is_message(onnx_field::attribute_text)) out.text = as_text(field.content);
    return {};
  }));
  return out;
}

Status add_context(ByteView node, CompiledModel& out) {
  bool embedded = true;  // the schema's default
  std::string_view content;
  ONNXPACK_CHECK(wire::for_each_field(node, [&](const Field& field) -> Status {
    if (!field.is_message(onnx_field::node_attribute)) return {};
    ONNXPACK_TRY(const Attribute attribute, read_attribute(field.content));
    if (attribute.name == "embed_mode") embedded = attribute.integer != 0;
    if (attribute.name == "ep_cache_context") content = attribute.text;
    return {};
  }));
  ++out.contexts;
  if (embedded) {
    out.embedded = true;
  } else if (!content.empty() && std::ranges::find(out.files, content) == out.files.end()) {
    out.files.emplace_back(content);
  }
  return {};
}

Status add_node(ByteView node, CompiledModel& out) {
  std::string_view type;
  std::string_view domain;
  ONNXPACK_CHECK(wire::for_each_field(node, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::node_op_type)) type = as_text(field.content);
    if (field.is_message(onnx_field::node_domain)) domain = as_text(field.content);
    return {};
  }));
  if (type == "EPContext" && domain == "com.microsoft") return add_context(node, out);
  ++out.left[std::string(type)];
  return {};
}

Status add_metadata(ByteView entry, CompiledModel& out) {
  std::string key;
  std::string value;
  ONNXPACK_CHECK(wire::for_each_field(entry, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::entry_key)) key = as_text(field.content);
    if (field.is_message(onnx_field::entry_value)) value = as_text(field.content);
    return {};
  }));
  out.metadata[key] = value;
  return {};
}

}  // namespace

std::uint64_t CompiledModel::nodes_left() const {
  return std::accumulate(left.begin(), left.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

std::string CompiledModel::left_text() const {
  constexpr std::size_t most = 5;
  std::vector<std::pair<std::string, std::uint64_t>> order(left.begin(), left.end());
  std::ranges::stable_sort(order, std::greater{}, &std::pair<std::string, std::uint64_t>::second);
  std::vector<std::string> texts;
  for (const auto& [type, count] : order) {
    if (texts.size() == most) {
      texts.emplace_back("...");
      break;
    }
    texts.push_back(fmt::format("{} {}", count, printable(type)));
  }
  return join(texts, ", ");
}

Result<CompiledModel> read_compiled_model(ByteView model) {
  CompiledModel out;
  const auto entry = [&](const Field& field) -> Status {
    return field.is_message(onnx_field::graph_node) ? add_node(field.content, out) : Status{};
  };
  ONNXPACK_CHECK(wire::for_each_field(model, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::model_metadata)) return add_metadata(field.content, out);
    return field.is_message(onnx_field::model_graph) ? wire::for_each_field(field.content, entry)
                                                     : Status{};
  }));
  return out;
}

}  // namespace onnxpack::ort_backend
