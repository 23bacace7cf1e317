#include "body_initializers.h"

#include <map>
#include <set>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using wire::Field;
using Names = std::set<std::string, std::less<>>;

Result<std::string> text_in(ByteView message, std::uint32_t number) {
  std::string out;
  ONNXPACK_CHECK(wire::for_each_field(message, [&](const Field& field) -> Status {
    if (field.is_message(number)) out = as_text(field.content);
    return {};
  }));
  return out;
}

bool is_body(const Field& field) {
  return field.is_message(onnx_field::attribute_graph) ||
         field.is_message(onnx_field::attribute_graphs);
}

// What one graph reads and defines itself, its bodies apart.
struct Level {
  Names reads;
  Names defines;  // inputs and node outputs
  Names inputs;
  std::map<std::string, ByteView, std::less<>> initializers;  // the whole field
  std::vector<std::string> order;
  std::vector<ByteView> bodies;
};

Status add_node(ByteView node, Level& level) {
  return wire::for_each_field(node, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::node_input)) level.reads.emplace(as_text(field.content));
    if (field.is_message(onnx_field::node_output)) level.defines.emplace(as_text(field.content));
    if (!field.is_message(onnx_field::node_attribute)) return {};
    return wire::for_each_field(field.content, [&](const Field& part) -> Status {
      if (is_body(part)) level.bodies.push_back(part.content);
      return {};
    });
  });
}

Result<Level> read_level(ByteView graph) {
  Level out;
  ONNXPACK_CHECK(wire::for_each_field(graph, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::graph_node)) return add_node(field.content, out);
    if (field.is_message(onnx_field::graph_input)) {
      ONNXPACK_TRY(std::string name, text_in(field.content, onnx_field::value_name));
      out.defines.insert(name);
      out.inputs.insert(std::move(name));
    }
    if (field.is_message(onnx_field::graph_output)) {
      ONNXPACK_TRY(std::string name, text_in(field.content, onnx_field::value_name));
      out.reads.insert(std::move(name));
    }
    if (field.is_message(onnx_field::graph_initializer)) {
      ONNXPACK_TRY(std::string name, text_in(field.content, onnx_field::tensor_name));
      out.order.push_back(name);
      out.initializers[std::move(name)] = field.whole;
    }
    return {};
  }));
  return out;
}

// Names that a body, or one within it, reads from outside.
Status collect_reads(ByteView graph, Names& out) {
  ONNXPACK_TRY(const Level level, read_level(graph));
  Names reads = level.reads;
  for (const ByteView body : level.bodies) {
    ONNXPACK_CHECK(collect_reads(body, reads));
  }
  for (const std::string& name : reads) {
    if (!level.defines.contains(name) && !level.initializers.contains(name)) out.insert(name);
  }
  return {};
}

using Moving = std::map<std::string, ByteView, std::less<>>;
Result<Bytes> rewrite_body(ByteView graph, Moving moving);

Result<Bytes> rewrite_node(ByteView node, const Moving& moving) {
  Bytes out;
  const auto attribute = [&](ByteView content) -> Result<Bytes> {
    Bytes changed;
    ONNXPACK_CHECK(wire::for_each_field(content, [&](const Field& part) -> Status {
      if (!is_body(part)) {
        changed.insert(changed.end(), part.whole.begin(), part.whole.end());
        return {};
      }
      ONNXPACK_TRY(const Bytes body, rewrite_body(part.content, moving));
      wire::append_bytes_field(changed, part.number, body);
      return {};
    }));
    return changed;
  };
  ONNXPACK_CHECK(wire::for_each_field(node, [&](const Field& field) -> Status {
    if (!field.is_message(onnx_field::node_attribute)) {
      out.insert(out.end(), field.whole.begin(), field.whole.end());
      return {};
    }
    ONNXPACK_TRY(const Bytes changed, attribute(field.content));
    wire::append_bytes_field(out, field.number, changed);
    return {};
  }));
  return out;
}

Result<Bytes> rewrite_graph(ByteView graph, const Moving& moving, const Moving& gone) {
  Bytes out;
  ONNXPACK_CHECK(wire::for_each_field(graph, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::graph_initializer)) {
      ONNXPACK_TRY(const std::string name, text_in(field.content, onnx_field::tensor_name));
      if (gone.contains(name)) return {};
    }
    if (field.is_message(onnx_field::graph_node)) {
      ONNXPACK_TRY(const Bytes node, rewrite_node(field.content, moving));
      wire::append_bytes_field(out, field.number, node);
      return {};
    }
    out.insert(out.end(), field.whole.begin(), field.whole.end());
    return {};
  }));
  return out;
}

// Where the body itself reads a name it gets the tensor, and bodies within see that one.
Result<Bytes> rewrite_body(ByteView graph, Moving moving) {
  ONNXPACK_TRY(const Level level, read_level(graph));
  Bytes own;
  for (auto entry = moving.begin(); entry != moving.end();) {
    const auto& [name, tensor] = *entry;
    const bool hidden = level.defines.contains(name) || level.initializers.contains(name);
    const bool read_here = level.reads.contains(name);
    if (!hidden && read_here) own.insert(own.end(), tensor.begin(), tensor.end());
    entry = hidden || read_here ? moving.erase(entry) : std::next(entry);
  }
  ONNXPACK_TRY(Bytes out, rewrite_graph(graph, moving, {}));
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

}  // namespace

Result<Localised> localise_initializers(ByteView model) {
  ByteView graph;
  ONNXPACK_CHECK(wire::for_each_field(model, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::model_graph)) graph = field.content;
    return {};
  }));
  ONNXPACK_TRY(const Level top, read_level(graph));
  Names inner;
  for (const ByteView body : top.bodies) {
    ONNXPACK_CHECK(collect_reads(body, inner));
  }
  Localised out;
  Moving moving;
  for (const std::string& name : top.order) {
    if (!inner.contains(name) || top.reads.contains(name) || top.inputs.contains(name)) continue;
    out.moved.push_back(name);
    moving[name] = top.initializers.at(name);
  }
  if (moving.empty()) return out;
  ONNXPACK_TRY(const Bytes changed, rewrite_graph(graph, moving, moving));
  ONNXPACK_CHECK(wire::for_each_field(model, [&](const Field& field) -> Status {
    if (field.is_message(onnx_field::model_graph)) {
      wire::append_bytes_field(out.model, field.number, changed);
    } else {
      out.model.insert(out.model.end(), field.whole.begin(), field.whole.end());
    }
    return {};
  }));
  return out;
}

}  // namespace onnxpack::ort_backend
