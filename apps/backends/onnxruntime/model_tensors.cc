#include "model_tensors.h"

#include <fmt/format.h>

#include <charconv>

#include "onnx_fields.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using wire::Field;
using Use = std::function<Status(const TensorBytes&)>;

Result<std::uint64_t> number_of(std::string_view key, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(ErrorKind::corrupt,
                fmt::format("external data: {} is '{}', expected a number", key, text));
  }
  return value;
}

Status read_entry(ByteView entry, ExternalRange& range) {
  std::string_view key;
  std::string_view value;
  ONNXPACK_CHECK(wire::for_each_field(entry, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::entry_key)) key = as_text(field.content);
    if (field.is_message(onnx_field::entry_value)) value = as_text(field.content);
    return {};
  }));
  if (key == "location") range.location = value;
  if (key == "offset") {
    ONNXPACK_TRY(range.offset, number_of(key, value));
  }
  if (key == "length") {
    ONNXPACK_TRY(range.length, number_of(key, value));
  }
  return {};
}

Status visit_graph(ByteView graph, const Use& use, int depth);

Status visit_tensor(ByteView tensor, const Use& use) {
  ONNXPACK_TRY(const TensorBytes bytes, read_tensor(tensor));
  return use(bytes);
}

Status visit_sparse(ByteView sparse, const Use& use) {
  return wire::for_each_field(sparse, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::sparse_values) ||
        field.is_message(onnx_field::sparse_indices)) {
      return visit_tensor(field.content, use);
    }
    return {};
  });
}

Status visit_attribute(ByteView attribute, const Use& use, int depth) {
  return wire::for_each_field(attribute, [&](const Field& field) -> Status {
    if (field.type != 2) return {};
    switch (field.number) {
      case onnx_field::attribute_tensor:
      case onnx_field::attribute_tensors:
        return visit_tensor(field.content, use);
      case onnx_field::attribute_sparse_tensor:
      case onnx_field::attribute_sparse_tensors:
        return visit_sparse(field.content, use);
      case onnx_field::attribute_graph:
      case onnx_field::attribute_graphs:
        return visit_graph(field.content, use, depth + 1);
      default:
        return {};
    }
  });
}

Status visit_node(ByteView node, const Use& use, int depth) {
  return wire::for_each_field(node, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::node_attribute))
      return visit_attribute(field.content, use, depth);
    return {};
  });
}

Status visit_graph(ByteView graph, const Use& use, int depth) {
  constexpr int most_nested = 64;  // protobuf's own limit is 100 messages, three to a level
  if (depth > most_nested)
    return fail(ErrorKind::corrupt, "model file: subgraphs nest deeper than 64");
  return wire::for_each_field(graph, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::graph_initializer)) return visit_tensor(field.content, use);
    if (field.is_message(onnx_field::graph_sparse_initializer))
      return visit_sparse(field.content, use);
    if (field.is_message(onnx_field::graph_node)) return visit_node(field.content, use, depth);
    return {};
  });
}

}  // namespace

Result<TensorBytes> read_tensor(ByteView tensor_proto) {
  TensorBytes out;
  ExternalRange external;
  bool is_external = false;
  ONNXPACK_CHECK(wire::for_each_field(tensor_proto, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::tensor_name)) out.name = as_text(field.content);
    // Packed floats and doubles are the same bytes as raw data; packed integers are varints.
    if (field.is_message(onnx_field::tensor_raw_data) ||
        field.is_message(onnx_field::tensor_float_data) ||
        field.is_message(onnx_field::tensor_double_data)) {
      out.inline_bytes = field.content;
    }
    if (field.is_varint(onnx_field::tensor_data_location)) {
      is_external = field.value == onnx_field::data_location_external;
    }
    if (field.is_message(onnx_field::tensor_external_data))
      return read_entry(field.content, external);
    return {};
  }));
  if (is_external) {
    out.inline_bytes = {};
    out.external = std::move(external);
  }
  return out;
}

Status for_each_tensor(ByteView model, const Use& use) {
  return wire::for_each_field(model, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::model_graph)) return visit_graph(field.content, use, 0);
    if (field.is_message(onnx_field::model_functions)) {
      return wire::for_each_field(field.content, [&](const Field& inner) -> Status {
        if (inner.is_message(onnx_field::function_node)) return visit_node(inner.content, use, 0);
        return {};
      });
    }
    return {};
  });
}

}  // namespace onnxpack::ort_backend
