#include "onnxpack/protocol/common.h"

#include "codec.h"

namespace onnxpack::protocol {
namespace {

json::Value to_json(const Dimension& dimension) {
  if (dimension.value) return *dimension.value;
  if (!dimension.name.empty()) return dimension.name;
  return nullptr;
}

Result<Dimension> dimension_from_json(const json::Cursor& cursor) {
  Dimension out;
  switch (cursor.value().kind()) {
    case json::Kind::null:
      return out;
    case json::Kind::string: {
      ONNXPACK_TRY(out.name, cursor.string());
      return out;
    }
    default: {
      ONNXPACK_TRY(out.value, cursor.integer(0));
      return out;
    }
  }
}

}  // namespace

std::string_view to_string(AnswerStatus status) {
  switch (status) {
    case AnswerStatus::ok:
      return "ok";
    case AnswerStatus::refused:
      return "refused";
    case AnswerStatus::error:
      return "error";
    case AnswerStatus::no_gain:
      return "no-gain";
  }
  return "error";
}

json::Value to_json(const Port& port) {
  json::Value out = json::object({{"name", port.name}});
  put(out, "type", port.type);
  put(out, "layout", port.layout);
  if (port.shape) {
    json::Array shape;
    for (const Dimension& dimension : *port.shape) shape.push_back(to_json(dimension));
    out["shape"] = std::move(shape);
  }
  return out;
}

Result<Port> port_from_json(const json::Cursor& cursor) {
  Port out;
  ONNXPACK_TRY(out.name, required_text(cursor, "name"));
  ONNXPACK_TRY(out.type, text_at(cursor, "type"));
  ONNXPACK_TRY(out.layout, text_at(cursor, "layout"));
  ONNXPACK_TRY(auto shape, cursor.find("shape"));
  if (shape) {
    ONNXPACK_TRY(out.shape, json::read_array(*shape, dimension_from_json));
  }
  return out;
}

}  // namespace onnxpack::protocol
