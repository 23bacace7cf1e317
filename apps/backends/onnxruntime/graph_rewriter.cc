#include "graph_rewriter.h"

#include <fmt/format.h>

#include <array>

#include "model_tensors.h"
#include "onnx_fields.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/io/safe_path.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

using wire::Field;

// ORT hands mapped weights to kernels as they lie; 64 is its own allocator's alignment.
constexpr std::uint64_t weights_alignment = 64;

bool is_data_field(const Field& field) {
  switch (field.number) {
    case onnx_field::tensor_float_data:
    case onnx_field::tensor_int32_data:
    case onnx_field::tensor_string_data:
    case onnx_field::tensor_int64_data:
    case onnx_field::tensor_raw_data:
    case onnx_field::tensor_double_data:
    case onnx_field::tensor_uint64_data:
    case onnx_field::tensor_external_data:
    case onnx_field::tensor_data_location:
      return true;
    default:
      return false;
  }
}

class Rewriter {
 public:
  Rewriter(const RewriteRequest& request, const SourceIndex& sources, io::FileSystem& file_system,
           const std::filesystem::path& weights_path, std::unique_ptr<io::WritableFile>& weights)
      : request_(request),
        sources_(sources),
        file_system_(file_system),
        weights_path_(weights_path),
        weights_(weights) {}

  Result<Rewritten> run() {
    ONNXPACK_CHECK(
        copy(request_.model, out_.model, [this](const Field& field, Bytes& out) -> Result<bool> {
          if (!field.is_message(onnx_field::model_graph)) return false;
          ONNXPACK_CHECK(nested(field, out, [this](ByteView graph, Bytes& inner) {
            return this->graph(graph, inner);
          }));
          return true;
        }));
    return std::move(out_);
  }

 private:
  // Copies a message field by field; `replace(field, out)` says whether it wrote the field itself.
  template <typename Replace>
  Status copy(ByteView message, Bytes& out, Replace&& replace) {
    return wire::for_each_field(message, [&](const Field& field) -> Status {
      ONNXPACK_TRY(const bool replaced, replace(field, out));
      if (!replaced) append(out, field.whole);
      return {};
    });
  }

  template <typename Write>
  Status nested(const Field& field, Bytes& out, Write&& write) {
    Bytes inner;
    ONNXPACK_CHECK(write(field.content, inner));
    wire::append_bytes_field(out, field.number, inner);
    return {};
  }

  Status graph(ByteView message, Bytes& out) {
    return copy(message, out, [this](const Field& field, Bytes& to) -> Result<bool> {
      if (field.is_message(onnx_field::graph_initializer)) {
        ONNXPACK_CHECK(nested(field, to, [this](ByteView tensor, Bytes& inner) {
          return this->tensor(tensor, inner);
        }));
        return true;
      }
      if (field.is_message(onnx_field::graph_node)) {
        ONNXPACK_CHECK(nested(
            field, to, [this](ByteView node, Bytes& inner) { return this->node(node, inner); }));
        return true;
      }
      return false;
    });
  }

  Status node(ByteView message, Bytes& out) {
    return copy(message, out, [this](const Field& field, Bytes& to) -> Result<bool> {
      if (!field.is_message(onnx_field::node_attribute)) return false;
      ONNXPACK_CHECK(nested(field, to, [this](ByteView attribute, Bytes& inner) {
        return this->attribute(attribute, inner);
      }));
      return true;
    });
  }

  Status attribute(ByteView message, Bytes& out) {
    return copy(message, out, [this](const Field& field, Bytes& to) -> Result<bool> {
      if (!field.is_message(onnx_field::attribute_graph) &&
          !field.is_message(onnx_field::attribute_graphs))
        return false;
      ONNXPACK_CHECK(nested(field, to, [this](ByteView subgraph, Bytes& inner) {
        return this->graph(subgraph, inner);
      }));
      return true;
    });
  }

  Status tensor(ByteView message, Bytes& out) {
    ONNXPACK_TRY(const TensorBytes tensor, read_tensor(message));
    ONNXPACK_TRY(const ByteView bytes, bytes_of(tensor));
    if (bytes.size() < SourceIndex::least_bytes && !tensor.external) {
      append(out, message);
      return {};
    }
    ONNXPACK_CHECK(copy(message, out, [](const Field& field, Bytes&) -> Result<bool> {
      return is_data_field(field);
    }));
    if (bytes.size() < SourceIndex::least_bytes) {
      wire::append_bytes_field(out, onnx_field::tensor_raw_data, bytes);
      return {};
    }
    ONNXPACK_TRY(const SourceRange range, place(bytes));
    append_external(out, range);
    return {};
  }

  Result<ByteView> bytes_of(const TensorBytes& tensor) {
    if (!tensor.external) return tensor.inline_bytes;
    const std::string& location = tensor.external->location;
    auto known = files_.find(location);
    if (known == files_.end()) {
      ONNXPACK_TRY(const auto path, io::join_beneath(request_.folder, location));
      ONNXPACK_TRY(MappedFile mapped, MappedFile::open(path));
      known = files_.emplace(location, std::move(mapped)).first;
    }
    const ByteView file = known->second.bytes();
    const std::uint64_t offset = tensor.external->offset;
    const std::uint64_t length = tensor.external->length.value_or(
        file.size() - std::min<std::uint64_t>(file.size(), offset));
    if (!range_within(offset, length, file.size())) {
      return fail(ErrorKind::corrupt,
                  fmt::format("tensor '{}' takes {} bytes at offset {} of '{}', which has {}",
                              tensor.name, length, offset, location, file.size()));
    }
    return file.subspan(offset, length);
  }

  Result<SourceRange> place(ByteView bytes) {
    if (auto found = sources_.find(bytes)) {
      out_.shared_bytes += bytes.size();
      out_.references.insert(found->location);
      return *found;
    }
    if (!weights_) {
      ONNXPACK_TRY(weights_, file_system_.create(weights_path_));
    }
    constexpr std::array<std::byte, weights_alignment> zeros{};
    const std::uint64_t padding =
        (weights_alignment - weights_->position() % weights_alignment) % weights_alignment;
    ONNXPACK_CHECK(weights_->write(ByteView(zeros).first(padding)));
    const SourceRange range{request_.weights_location, weights_->position(), bytes.size()};
    ONNXPACK_CHECK(weights_->write(bytes));
    out_.own_bytes += bytes.size();
    return range;
  }

  static void append_external(Bytes& out, const SourceRange& range) {
    const auto entry = [&out](std::string_view key, std::string_view value) {
      Bytes message;
      wire::append_bytes_field(message, onnx_field::entry_key, as_bytes(key));
      wire::append_bytes_field(message, onnx_field::entry_value, as_bytes(value));
      wire::append_bytes_field(out, onnx_field::tensor_external_data, message);
    };
    entry("location", range.location);
    entry("offset", std::to_string(range.offset));
    entry("length", std::to_string(range.length));
    wire::append_varint_field(out, onnx_field::tensor_data_location,
                              onnx_field::data_location_external);
  }

  const RewriteRequest& request_;
  const SourceIndex& sources_;
  io::FileSystem& file_system_;
  const std::filesystem::path& weights_path_;
  std::unique_ptr<io::WritableFile>& weights_;
  std::map<std::string, MappedFile> files_;
  Rewritten out_;
};

}  // namespace

Result<Rewritten> rewrite_initializers(const RewriteRequest& request, const SourceIndex& sources,
                                       io::FileSystem& file_system,
                                       const std::filesystem::path& weights_path,
                                       std::unique_ptr<io::WritableFile>& weights) {
  return Rewriter(request, sources, file_system, weights_path, weights).run();
}

}  // namespace onnxpack::ort_backend
