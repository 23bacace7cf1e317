#include "skeleton.h"

#include <fmt/format.h>

#include <charconv>
#include <unordered_map>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "onnxpack/model/wire.h"

namespace onnxpack::model {
namespace {

constexpr std::string_view index_key = "onnxpack.constant";
constexpr std::uint64_t size_limit = std::uint64_t{1} << 30;

enum class Kind { plain, dropped, graph, node, attribute, tensor, sparse, function, training };

// What the message in field `number` of a `parent` message is.
struct Rule {
  std::uint32_t number;
  Kind kind;
};
Kind kind_of(std::span<const Rule> rules, std::uint32_t number) {
  for (const auto& rule : rules) {
    if (rule.number == number) return rule.kind;
  }
  return Kind::plain;
}
constexpr Rule model_rules[] = {{6, Kind::dropped},  // doc_string
                                {field::model::graph, Kind::graph},
                                {field::model::metadata, Kind::dropped},
                                {field::model::training_info, Kind::training},
                                {field::model::functions, Kind::function}};
constexpr Rule training_rules[] = {{field::training::initialization, Kind::graph},
                                   {field::training::algorithm, Kind::graph}};
constexpr Rule graph_rules[] = {{field::graph::node, Kind::node},
                                {field::graph::initializer, Kind::tensor},
                                {field::graph::sparse_initializer, Kind::sparse},
                                {10, Kind::dropped},   // doc_string
                                {16, Kind::dropped}};  // metadata_props
constexpr Rule node_rules[] = {{field::node::attribute, Kind::attribute},
                               {6, Kind::dropped},  // doc_string
                               {field::node::metadata, Kind::dropped}};
constexpr Rule attribute_rules[] = {{field::attribute::t, Kind::tensor},
                                    {field::attribute::g, Kind::graph},
                                    {field::attribute::tensors, Kind::tensor},
                                    {field::attribute::graphs, Kind::graph},
                                    {field::attribute::sparse_tensor, Kind::sparse},
                                    {field::attribute::sparse_tensors, Kind::sparse},
                                    {13, Kind::dropped}};  // doc_string
constexpr Rule sparse_rules[] = {{field::sparse_tensor::values, Kind::tensor},
                                 {field::sparse_tensor::indices, Kind::tensor}};
constexpr Rule function_rules[] = {{field::function::node, Kind::node},
                                   {field::function::attribute_proto, Kind::attribute},
                                   {8, Kind::dropped}};  // doc_string

std::span<const Rule> rules_of(Kind kind) {
  switch (kind) {
    case Kind::graph:
      return graph_rules;
    case Kind::node:
      return node_rules;
    case Kind::attribute:
      return attribute_rules;
    case Kind::sparse:
      return sparse_rules;
    case Kind::function:
      return function_rules;
    case Kind::training:
      return training_rules;
    default:
      return {};
  }
}

class Rewriter {
 public:
  explicit Rewriter(const ModelFile& model) : model_(model), input_(model.file()) {
    const auto& constants = model.constants();
    for (std::size_t i = 0; i < constants.size(); ++i) by_offset_[constants[i].message.offset] = i;
  }

  Result<Bytes> run() { return rewrite(WireMessage(input_), model_rules); }

 private:
  Result<Bytes> rewrite(WireMessage message, std::span<const Rule> rules) {
    Bytes out;
    while (true) {
      ONNXPACK_TRY(auto field, message.next());
      if (!field) return out;
      const auto kind =
          field->type == WireType::bytes ? kind_of(rules, field->number) : Kind::plain;
      if (kind == Kind::dropped) continue;
      if (kind == Kind::plain) {
        ONNXPACK_CHECK(copy(field->begin, field->end(), out));
        continue;
      }
      ONNXPACK_TRY(WireMessage inside, message.enter(*field));
      ONNXPACK_TRY(Bytes child,
                   kind == Kind::tensor ? tensor(inside) : rewrite(inside, rules_of(kind)));
      append_bytes_field(out, field->number, child);
    }
  }

  Result<Bytes> tensor(WireMessage message) {
    const auto index = by_offset_.at(message.begin());
    const auto& constant = model_.constants()[index];
    const bool external = std::holds_alternative<ExternalData>(constant.data);
    ONNXPACK_TRY(Bytes small_external, read_small_external(constant));
    const bool large = message.end() - message.begin() > small_tensor;
    Bytes out;
    if (external || large) {
      for (const auto dim : constant.dims) {
        append_varint_field(out, field::tensor::dims, static_cast<std::uint64_t>(dim));
      }
      append_varint_field(out, field::tensor::data_type,
                          static_cast<std::uint64_t>(static_cast<std::int64_t>(constant.type)));
      append_bytes_field(out, field::tensor::name, as_bytes(constant.name));
      if (small_external.empty()) {
        append_varint_field(out, field::tensor::data_location, 1);
      } else {
        append_bytes_field(out, field::tensor::raw_data, small_external);
      }
    } else {
      ONNXPACK_CHECK(copy(message.begin(), message.end(), out));
    }
    Bytes entry;
    append_bytes_field(entry, field::entry::key, as_bytes(index_key));
    append_bytes_field(entry, field::entry::value, as_bytes(std::to_string(index)));
    append_bytes_field(out, field::tensor::external_data, entry);
    return out;
  }

  // Shape tensors may be external as well. Empty for large and absent ones.
  Result<Bytes> read_small_external(const Constant& constant) {
    const auto* data = std::get_if<ExternalData>(&constant.data);
    if (data == nullptr || data->range.size > small_tensor) return Bytes{};
    if (!model_.external_files()[data->file].present) return Bytes{};
    auto& file = external_[data->file];
    if (!file) {
      ONNXPACK_TRY(file, model_.open_external(data->file));
    }
    return file->read(data->range.offset, data->range.size);
  }

  Status copy(std::uint64_t begin, std::uint64_t end, Bytes& out) {
    total_ += end - begin;
    if (total_ > size_limit) {
      return fail(ErrorKind::unsupported,
                  fmt::format("graph without weights exceeds {}", human_size(size_limit)));
    }
    if (end - begin <= small_tensor) {
      ONNXPACK_TRY(ByteView bytes, input_.peek(begin, static_cast<std::size_t>(end - begin)));
      append(out, bytes);
      return {};
    }
    ONNXPACK_TRY(Bytes bytes, input_.file().read(begin, end - begin));
    append(out, bytes);
    return {};
  }

  const ModelFile& model_;
  WireInput input_;
  std::unordered_map<std::uint64_t, std::size_t> by_offset_;
  std::unordered_map<std::size_t, std::unique_ptr<io::ReadableFile>> external_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<std::unique_ptr<onnx::ModelProto>> load_skeleton(const ModelFile& model) {
  const auto context = printable(model.path().string());
  ONNXPACK_TRY(Bytes bytes, in(Rewriter(model).run(), context));
  auto proto = std::make_unique<onnx::ModelProto>();
  if (!proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorKind::corrupt, context + ": protobuf cannot parse the graph");
  }
  return proto;
}

std::optional<std::size_t> constant_index(const onnx::TensorProto& tensor) {
  for (auto entry = tensor.external_data().rbegin(); entry != tensor.external_data().rend();
       ++entry) {
    if (entry->key() != index_key) continue;
    std::size_t index = 0;
    const auto& text = entry->value();
    std::from_chars(text.data(), text.data() + text.size(), index);
    return index;
  }
  return std::nullopt;
}

bool is_left_out(const onnx::TensorProto& tensor) {
  return tensor.data_location() == onnx::TensorProto::EXTERNAL;
}
bool is_left_out(const onnx::SparseTensorProto& tensor) {
  return is_left_out(tensor.values()) || is_left_out(tensor.indices());
}

}  // namespace onnxpack::model
