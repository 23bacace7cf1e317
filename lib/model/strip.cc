// strip-annotations/1. Two passes over the model's own fields: the first finds the table (which may
// come last), the second the nodes.
#include <algorithm>
#include <map>

#include "annotation_format.h"
#include "facts.h"
#include "onnx_fields.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/wire.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

// Only the beginning of the key is read: values may be long.
Result<bool> is_own_entry(const WireMessage& parent, const WireField& field) {
  ONNXPACK_TRY(WireMessage entry, parent.enter(field));
  bool own = false;
  while (true) {
    ONNXPACK_TRY(auto part, entry.next());
    if (!part) return own;
    if (!part->is(field::entry::key, WireType::bytes)) continue;
    own = part->size >= metadata_prefix.size();
    if (own) {
      ONNXPACK_TRY(ByteView key, entry.input().peek(part->payload, metadata_prefix.size()));
      own = as_text(key) == metadata_prefix;
    }
  }
}

struct StrippedNode {
  std::size_t index;
  WireField field;
  std::vector<WireField> removed;
  std::uint64_t new_size() const {
    auto size = field.size;
    for (const auto& entry : removed) size -= entry.end() - entry.begin;
    return size;
  }
};

class Stripper {
 public:
  explicit Stripper(const io::ReadableFile& file) : input_(file) {}

  Result<Splice> run() {
    ONNXPACK_CHECK(find_table());
    WireMessage model(input_);
    std::size_t graph_index = 0;
    while (true) {
      ONNXPACK_TRY(auto field, model.next());
      if (!field) break;
      if (field->is(field::model::graph, WireType::bytes)) {
        ONNXPACK_TRY(WireMessage inside, model.enter(*field));
        ONNXPACK_CHECK(graph(*field, inside, graph_index++));
      } else if (std::ranges::binary_search(table_, field->begin)) {
        remove(*field);
      }
    }
    keep_until(input_.size());
    return std::move(splice_);
  }

 private:
  Status find_table() {
    WireMessage model(input_);
    while (true) {
      ONNXPACK_TRY(auto field, model.next());
      if (!field) return {};
      if (!field->is(field::model::metadata, WireType::bytes)) continue;
      ONNXPACK_TRY(bool own, is_own_entry(model, *field));
      if (!own) continue;
      table_.push_back(field->begin);
      ONNXPACK_TRY(WireMessage inside, model.enter(*field));
      ONNXPACK_TRY(MetadataEntry entry, walk_entry(inside));
      if (entry.key != wide_key) continue;
      for (const auto& length : parse_wide(entry.value)) {
        widths_[{length.kind, length.index}] = length.width;
      }
    }
  }

  Status graph(const WireField& field, WireMessage message, std::size_t index) {
    std::vector<StrippedNode> nodes;
    auto size = field.size;
    while (true) {
      ONNXPACK_TRY(auto part, message.next());
      if (!part) break;
      if (!part->is(field::graph::node, WireType::bytes)) continue;
      StrippedNode node{.index = node_index_++, .field = *part, .removed = {}};
      ONNXPACK_TRY(WireMessage inside, message.enter(*part));
      ONNXPACK_CHECK(find_entries(inside, node));
      if (node.removed.empty()) continue;
      size = size - (node.field.size + node.field.length_width) + node.new_size() +
             width('n', node.index, node.new_size());
      nodes.push_back(std::move(node));
    }
    if (nodes.empty()) return {};
    patch_length(field, size, 'g', index);
    for (const auto& node : nodes) {
      patch_length(node.field, node.new_size(), 'n', node.index);
      for (const auto& entry : node.removed) remove(entry);
    }
    return {};
  }

  static Status find_entries(WireMessage message, StrippedNode& node) {
    while (true) {
      ONNXPACK_TRY(auto field, message.next());
      if (!field) return {};
      if (!field->is(field::node::metadata, WireType::bytes)) continue;
      ONNXPACK_TRY(bool own, is_own_entry(message, *field));
      if (own) node.removed.push_back(*field);
    }
  }

  std::size_t width(char kind, std::size_t index, std::uint64_t value) const {
    const auto minimal = varint_width(value);
    const auto found = widths_.find({kind, index});
    return found == widths_.end() ? minimal : std::max<std::size_t>(found->second, minimal);
  }
  void keep_until(std::uint64_t offset) {
    splice_.append_range({at_, offset - at_});
    at_ = offset;
  }
  void remove(const WireField& field) {
    keep_until(field.begin);
    at_ = field.end();
  }
  void patch_length(const WireField& field, std::uint64_t size, char kind, std::size_t index) {
    keep_until(field.length_offset());
    Bytes length;
    append_varint(length, size, width(kind, index, size));
    splice_.append_bytes(length);
    at_ = field.payload;
  }

  WireInput input_;
  std::vector<std::uint64_t> table_;  // begins of own model entries, ascending
  std::map<std::pair<char, std::size_t>, std::uint8_t> widths_;
  std::size_t node_index_ = 0;
  std::uint64_t at_ = 0;
  Splice splice_;
};

}  // namespace

Result<Splice> strip(const io::ReadableFile& annotated) {
  return Stripper(annotated).run();
}

}  // namespace onnxpack::model
