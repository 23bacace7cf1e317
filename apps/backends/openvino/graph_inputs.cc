// Protobuf's wire format, as far as it takes to find the inputs: a message is a row of fields, each
// a varint tag (number * 8 + type), then by type 0 a varint, 1 eight bytes, 2 a varint length and
// that many bytes, 5 four bytes.
#include "graph_inputs.h"

#include <array>

#include "onnxpack/base/checked.h"

namespace onnxpack::openvino_backend {
namespace {

// Field numbers of onnx.proto (onnx 1.23).
constexpr std::uint64_t model_graph = 7;
constexpr std::uint64_t graph_input = 11;
constexpr std::uint64_t value_name = 1;
constexpr std::uint64_t value_type = 2;
constexpr std::uint64_t type_tensor = 1;
constexpr std::uint64_t tensor_shape = 2;
constexpr std::uint64_t shape_dimension = 1;
constexpr std::uint64_t dimension_name = 2;

constexpr std::uint64_t longest_name = 64 << 10;

class Message {
 public:
  Message(const io::ReadableFile& file, std::uint64_t begin, std::uint64_t size)
      : file_(&file), position_(begin), end_(begin + size) {}

  struct Field {
    std::uint64_t number = 0;
    std::uint64_t type = 0;
    std::uint64_t begin = 0;
    std::uint64_t size = 0;  // type 2
  };

  // The next field; nothing at the end.
  Result<std::optional<Field>> next() {
    if (position_ == end_) return std::nullopt;
    ONNXPACK_TRY(const std::uint64_t tag, varint());
    Field out{tag >> 3, tag & 7, 0, 0};
    if (out.type == 0) {
      ONNXPACK_CHECK(varint());
    } else if (out.type == 1 || out.type == 5) {
      out.size = out.type == 1 ? 8 : 4;
    } else if (out.type == 2) {
      ONNXPACK_TRY(out.size, varint());
    } else {
      return fail(ErrorKind::corrupt, "model file: not an ONNX model");
    }
    if (!range_within(position_, out.size, end_))
      return fail(ErrorKind::corrupt, "model file: a field leaves its message");
    out.begin = position_;
    position_ += out.size;
    return out;
  }

  Message inner(const Field& field) const { return {*file_, field.begin, field.size}; }
  Result<std::string> text(const Field& field) const {
    if (field.size > longest_name) return fail(ErrorKind::corrupt, "model file: a name of 64 KiB");
    ONNXPACK_TRY(const Bytes bytes, file_->read(field.begin, field.size));
    return std::string(as_text(bytes));
  }

 private:
  Result<std::uint64_t> varint() {
    std::array<std::byte, 10> buffer{};
    const std::size_t there = std::min<std::uint64_t>(buffer.size(), end_ - position_);
    ONNXPACK_CHECK(file_->read_at(position_, std::span(buffer).first(there)));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < there; ++i) {
      const auto byte = std::to_integer<std::uint64_t>(buffer[i]);
      value |= (byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      position_ += i + 1;
      return value;
    }
    return fail(ErrorKind::corrupt, "model file: a number ends early");
  }

  const io::ReadableFile* file_;
  std::uint64_t position_;
  std::uint64_t end_;
};

// Calls `use(message, field) -> Status` for each field `number` that is a message or text.
template <typename Use>
Status for_each(Message message, std::uint64_t number, Use&& use) {
  while (true) {
    ONNXPACK_TRY(const auto field, message.next());
    if (!field) return {};
    if (field->number == number && field->type == 2) ONNXPACK_CHECK(use(message, *field));
  }
}

Status read_shape(const Message& shape, std::vector<DimensionName>& out) {
  std::size_t index = 0;
  return for_each(shape, shape_dimension, [&](const Message& at, const Message::Field& dimension) {
    const std::size_t here = index++;
    return for_each(at.inner(dimension), dimension_name,
                    [&](const Message& inside, const Message::Field& field) -> Status {
                      ONNXPACK_TRY(std::string name, inside.text(field));
                      if (!name.empty()) out.push_back({"", here, std::move(name)});
                      return {};
                    });
  });
}

Status read_input(const Message& value, std::vector<DimensionName>& out) {
  std::string input;
  std::vector<DimensionName> found;
  ONNXPACK_CHECK(
      for_each(value, value_name, [&](const Message& at, const Message::Field& field) -> Status {
        ONNXPACK_TRY(input, at.text(field));
        return {};
      }));
  ONNXPACK_CHECK(for_each(value, value_type, [&](const Message& at, const Message::Field& type) {
    return for_each(at.inner(type), type_tensor,
                    [&](const Message& in_type, const Message::Field& tensor) {
                      return for_each(in_type.inner(tensor), tensor_shape,
                                      [&](const Message& in_tensor, const Message::Field& shape) {
                                        return read_shape(in_tensor.inner(shape), found);
                                      });
                    });
  }));
  for (auto& dimension : found) {
    dimension.input = input;
    out.push_back(std::move(dimension));
  }
  return {};
}

}  // namespace

Result<std::vector<DimensionName>> dimension_names(const io::ReadableFile& model) {
  std::vector<DimensionName> out;
  ONNXPACK_CHECK(for_each(Message(model, 0, model.size()), model_graph,
                          [&](const Message& at, const Message::Field& graph) {
                            return for_each(at.inner(graph), graph_input,
                                            [&](const Message& in_graph, const Message::Field& in) {
                                              return read_input(in_graph.inner(in), out);
                                            });
                          }));
  return out;
}

}  // namespace onnxpack::openvino_backend
