#include "onnxpack/model/annotate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <map>

#include "annotation_format.h"
#include "facts.h"
#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/wire.h"
#include "splice.h"

namespace onnxpack::model {
namespace {

// No protobuf reader takes a larger message.
constexpr std::uint64_t protobuf_limit = (std::uint64_t{1} << 31) - 1;

Bytes entry_bytes(std::uint32_t number, const MetadataEntry& entry) {
  Bytes payload;
  append_bytes_field(payload, field::entry::key, as_bytes(entry.key));
  append_bytes_field(payload, field::entry::value, as_bytes(entry.value));
  Bytes out;
  append_bytes_field(out, number, payload);
  return out;
}

Status check_key(const MetadataEntry& entry) {
  if (!is_own_key(entry.key)) {
    return fail(ErrorKind::invalid_argument, fmt::format("metadata key '{}' does not begin with {}",
                                                         printable(entry.key), metadata_prefix));
  }
  if (entry.key == wide_key) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("metadata key {} is annotate's own", wide_key));
  }
  return {};
}

// What is appended to each node, by index.
using Additions = std::map<std::size_t, Bytes>;

Result<Additions> additions_of(const ModelFile& model, std::span<const NodeAnnotation> nodes) {
  Additions out;
  for (const auto& annotation : nodes) {
    if (annotation.node >= model.nodes().size()) {
      return fail(ErrorKind::invalid_argument, fmt::format("node {} is annotated, the graph has {}",
                                                           annotation.node, model.nodes().size()));
    }
    Bytes bytes;
    for (const auto& entry : annotation.entries) {
      ONNXPACK_CHECK(check_key(entry));
      append(bytes, entry_bytes(field::node::metadata, entry));
    }
    if (!out.emplace(annotation.node, std::move(bytes)).second) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("node {} is annotated twice", annotation.node));
    }
  }
  std::erase_if(out, [](const auto& item) { return item.second.empty(); });
  return out;
}

struct PatchedNode {
  std::size_t index;
  WireField field;
  const Bytes* addition;
  std::uint64_t new_size() const { return field.size + addition->size(); }
};
struct PatchedGraph {
  std::size_t index;  // among the occurrences of ModelProto.graph: one, in all but hand-made files
  WireField field;
  std::vector<PatchedNode> nodes;
  std::uint64_t new_size() const {
    auto size = field.size;
    for (const auto& node : nodes) {
      size += node.addition->size() + varint_width(node.new_size()) - node.field.length_width;
    }
    return size;
  }
};

Result<std::vector<PatchedGraph>> find_nodes(const io::ReadableFile& file,
                                             const Additions& additions) {
  WireInput input(file);
  WireMessage model(input);
  std::vector<PatchedGraph> graphs;
  std::size_t graph_index = 0;
  std::size_t node_index = 0;
  while (true) {
    ONNXPACK_TRY(auto field, model.next());
    if (!field) break;
    if (!field->is(field::model::graph, WireType::bytes)) continue;
    PatchedGraph graph{.index = graph_index++, .field = *field, .nodes = {}};
    ONNXPACK_TRY(WireMessage inside, model.enter(*field));
    while (true) {
      ONNXPACK_TRY(auto node, inside.next());
      if (!node) break;
      if (!node->is(field::graph::node, WireType::bytes)) continue;
      if (auto found = additions.find(node_index); found != additions.end()) {
        graph.nodes.push_back({node_index, *node, &found->second});
      }
      ++node_index;
    }
    if (!graph.nodes.empty()) graphs.push_back(std::move(graph));
  }
  return graphs;
}

// Builds the splice in file order and notes where kept bytes went and which lengths were not
// minimal.
class Patcher {
 public:
  void keep_until(std::uint64_t offset) {
    if (offset > at_) {
      shifts.push_back({at_, splice.size});
      splice.append_range({at_, offset - at_});
    }
    at_ = offset;
  }
  void patch_length(const WireField& field, std::uint64_t new_size, char kind, std::size_t index) {
    keep_until(field.length_offset());
    Bytes length;
    append_varint(length, new_size);
    splice.append_bytes(length);
    at_ = field.payload;
    if (field.length_width != varint_width(field.size)) {
      wide.push_back({kind, index, field.length_width});
    }
  }

  struct Shift {
    std::uint64_t original;
    std::uint64_t annotated;
  };
  Splice splice;
  std::vector<Shift> shifts;
  std::vector<WideLength> wide;

 private:
  std::uint64_t at_ = 0;
};

}  // namespace

Result<AnnotatedModel> AnnotatedModel::make(const ModelFile& model,
                                            std::span<const NodeAnnotation> nodes) {
  if (model.is_annotated()) {
    return fail(ErrorKind::invalid_argument, "the model is annotated already");
  }
  ONNXPACK_TRY(Additions additions, additions_of(model, nodes));
  ONNXPACK_TRY(auto graphs, find_nodes(model.file(), additions));
  Patcher patcher;
  for (const auto& graph : graphs) {
    patcher.patch_length(graph.field, graph.new_size(), 'g', graph.index);
    for (const auto& node : graph.nodes) {
      patcher.patch_length(node.field, node.new_size(), 'n', node.index);
      patcher.keep_until(node.field.end());
      patcher.splice.append_bytes(*node.addition);
    }
  }
  patcher.keep_until(model.file().size());

  AnnotatedModel out;
  out.file_ = model.shared_file();
  out.nodes_ = std::move(patcher.splice);
  out.wide_ = format_wide(patcher.wide);
  for (const auto& shift : patcher.shifts) out.shifts_.push_back({shift.original, shift.annotated});
  return out;
}

std::uint64_t AnnotatedModel::annotated_offset(std::uint64_t original) const {
  assert(original < file_->size());
  auto next = std::ranges::upper_bound(shifts_, original, {}, &Shift::original);
  const auto& shift = *std::prev(next);
  return original - shift.original + shift.annotated;
}

Result<Splice> AnnotatedModel::with_table(std::span<const MetadataEntry> table) const {
  auto splice = nodes_;
  for (const auto& entry : table) {
    ONNXPACK_CHECK(check_key(entry));
    splice.append_bytes(entry_bytes(field::model::metadata, entry));
  }
  if (!wide_.empty()) {
    splice.append_bytes(entry_bytes(field::model::metadata, {std::string(wide_key), wide_}));
  }
  if (file_->size() <= protobuf_limit && splice.size > protobuf_limit) {
    return fail(ErrorKind::unsupported,
                fmt::format("annotation would make the model {} bytes, protobuf readers take {}",
                            splice.size, protobuf_limit),
                "save the model with external data");
  }
  const auto view = splice_view(file_, splice);
  ONNXPACK_TRY(Splice undone, strip(*view));
  ONNXPACK_TRY(bool same, is_identity(compose(undone, splice), *file_));
  if (!same) {
    return fail(ErrorKind::internal,
                fmt::format("{}: {} does not give the model back",
                            printable(file_->path().string()), strip_transformation));
  }
  return splice;
}

}  // namespace onnxpack::model
