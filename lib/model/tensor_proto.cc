#include "onnxpack/model/tensor_proto.h"

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "typed_values.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

std::uint64_t element_count(const std::vector<std::int64_t>& dims) {
  const auto count = raw_size(DataType::uint8, dims);
  return count.value_or(std::numeric_limits<std::uint64_t>::max());
}

Status read_strings(WireMessage message, TensorData& out) {
  ONNXPACK_CHECK(decode_strings(message, [&](std::string_view text) -> Status {
    out.strings.emplace_back(text);
    return {};
  }));
  if (out.strings.size() == element_count(out.dims)) return {};
  return fail(ErrorKind::corrupt, fmt::format("tensor has {} strings, its shape needs {}",
                                              out.strings.size(), element_count(out.dims)));
}

Status read_numbers(WireMessage message, const TensorHead& head, TensorData& out) {
  const auto expected = raw_size(out.type, out.dims);
  if (!expected) return fail(ErrorKind::corrupt, "tensor has a shape that no memory holds");
  if (head.raw && (head.raw->size > 0 || !head.typed)) {
    ONNXPACK_TRY(out.raw, message.input().file().read(head.raw->payload, head.raw->size));
  } else {
    ONNXPACK_CHECK(decode_typed(message, out.type, [&](ByteView bytes) -> Status {
      append(out.raw, bytes);
      return {};
    }));
  }
  if (out.raw.size() == *expected) return {};
  return fail(ErrorKind::corrupt,
              fmt::format("tensor has {} bytes of values, its type {} and shape need {}",
                          out.raw.size(), to_string(out.type), *expected));
}

}  // namespace

Result<TensorData> parse_tensor_proto(ByteView bytes) {
  const ViewFile file(bytes);
  WireInput input(file);
  const WireMessage message(input);
  ONNXPACK_TRY(TensorHead head, in(walk_tensor_head(message), "not a TensorProto"));
  TensorData out{.name = std::move(head.name),
                 .type = head.type,
                 .dims = std::move(head.dims),
                 .raw = {},
                 .strings = {}};
  if (head.external) {
    return fail(ErrorKind::unsupported,
                fmt::format("tensor {} has external data", printable(out.name)));
  }
  if (out.type == DataType::undefined) {
    return fail(ErrorKind::corrupt, "not a TensorProto: data_type is absent");
  }
  if (!is_known(out.type)) {
    return fail(ErrorKind::unsupported, fmt::format("tensor has unknown data_type {}",
                                                    static_cast<std::int32_t>(out.type)));
  }
  for (const auto dim : out.dims) {
    if (dim < 0) return fail(ErrorKind::corrupt, fmt::format("tensor has a dimension of {}", dim));
  }
  ONNXPACK_CHECK(out.type == DataType::string ? read_strings(message, out)
                                              : read_numbers(message, head, out));
  return out;
}

}  // namespace onnxpack::model
