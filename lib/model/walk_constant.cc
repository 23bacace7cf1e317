#include "walk_constant.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>
#include <vector>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "walk_types.h"

namespace onnxpack::model {
namespace {

Result<std::uint64_t> parse_decimal(std::string_view key, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(
        ErrorKind::corrupt,
        fmt::format("external data {} is '{}', expected a decimal number", key, printable(text)));
  }
  return value;
}

Result<ExternalEntry> external_entry(const std::vector<MetadataEntry>& entries) {
  ExternalEntry out;
  for (const auto& [key, value] : entries) {
    if (key == "location") out.location = value;
    if (key == "offset") {
      ONNXPACK_TRY(out.offset, parse_decimal(key, value));
    }
    if (key == "length") {
      ONNXPACK_TRY(std::uint64_t length, parse_decimal(key, value));
      out.length = length;
    }
  }
  if (out.location.empty()) return fail(ErrorKind::corrupt, "external data without a location");
  return out;
}

Status locate(Constant& constant, const TensorHead& head) {
  const auto expected = raw_size(constant.type, constant.dims);
  if (head.raw && (head.raw->size > 0 || !head.typed)) {
    const auto found = head.raw->size;
    if (expected && found < *expected) {
      return fail(ErrorKind::corrupt,
                  fmt::format("raw_data has {} bytes, its type {} and shape need {}", found,
                              to_string(constant.type), *expected));
    }
    constant.size = expected.value_or(found);
    if (constant.size > 0) constant.data = InlineData{{head.raw->payload, constant.size}};
    return {};
  }
  if (!head.typed) return {};
  const bool is_float = constant.type == DataType::float32 || constant.type == DataType::complex64;
  const bool is_double =
      constant.type == DataType::float64 || constant.type == DataType::complex128;
  const auto& packed = head.packed_floats;
  if (packed && expected == packed->size &&
      packed->number == (is_float    ? field::tensor::float_data
                         : is_double ? field::tensor::double_data
                                     : 0)) {
    constant.data = InlineData{{packed->payload, packed->size}};
  } else {
    constant.data = TypedData{constant.message};
  }
  constant.size = expected.value_or(constant.message.size);
  return {};
}

}  // namespace

Result<FoundConstant> walk_constant(WireMessage message, const Place& place,
                                    ConstantSource source) {
  ONNXPACK_TRY(TensorHead head, walk_tensor_head(message));
  FoundConstant out;
  Constant& constant = out.constant;
  constant.name = std::move(head.name);
  constant.where = place.where;
  constant.node = place.node;
  constant.source = source;
  constant.type = head.type;
  constant.dims = std::move(head.dims);
  constant.message = {message.begin(), message.end() - message.begin()};
  if (head.external) {
    ONNXPACK_TRY(out.external, in(external_entry(head.external_data), describe(constant)));
    constant.size = raw_size(constant.type, constant.dims).value_or(0);
  } else {
    ONNXPACK_CHECK(in(locate(constant, head), describe(constant)));
  }
  return out;
}

}  // namespace onnxpack::model
