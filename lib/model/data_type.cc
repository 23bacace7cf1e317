#include "onnxpack/model/data_type.h"

#include <array>

#include "onnxpack/base/checked.h"

namespace onnxpack::model {
namespace {

struct Row {
  std::string_view name;
  std::uint32_t bits;
  bool integer;
};
// Indexed by TensorProto.DataType.
constexpr std::array<Row, 29> rows = {{
    {"undefined", 0, false},
    {"float", 32, false},
    {"uint8", 8, true},
    {"int8", 8, true},
    {"uint16", 16, true},
    {"int16", 16, true},
    {"int32", 32, true},
    {"int64", 64, true},
    {"string", 0, false},
    {"bool", 8, false},
    {"float16", 16, false},
    {"double", 64, false},
    {"uint32", 32, true},
    {"uint64", 64, true},
    {"complex64", 64, false},
    {"complex128", 128, false},
    {"bfloat16", 16, false},
    {"float8e4m3fn", 8, false},
    {"float8e4m3fnuz", 8, false},
    {"float8e5m2", 8, false},
    {"float8e5m2fnuz", 8, false},
    {"uint4", 4, true},
    {"int4", 4, true},
    {"float4e2m1", 4, false},
    {"float8e8m0", 8, false},
    {"uint2", 2, true},
    {"int2", 2, true},
    {"float6e2m3", 6, false},
    {"float6e3m2", 6, false},
}};

const Row& row_of(DataType type) {
  auto index = static_cast<std::int32_t>(type);
  return rows[index >= 0 && static_cast<std::size_t>(index) < rows.size()
                  ? static_cast<std::size_t>(index)
                  : 0];
}

}  // namespace

std::string_view to_string(DataType type) {
  return row_of(type).name;
}
bool is_known(DataType type) {
  return &row_of(type) != &rows[0];
}
bool is_integer(DataType type) {
  return row_of(type).integer;
}
std::uint32_t bit_width(DataType type) {
  return row_of(type).bits;
}

std::optional<std::uint64_t> raw_size(DataType type, std::span<const std::int64_t> dims) {
  std::uint64_t elements = 1;
  for (auto dim : dims) {
    if (dim < 0) return std::nullopt;
    auto product = checked_mul<std::uint64_t>(elements, static_cast<std::uint64_t>(dim));
    if (!product) return std::nullopt;
    elements = *product;
  }
  const auto bits = bit_width(type);
  if (bits == 0) return std::nullopt;
  const auto total = checked_mul<std::uint64_t>(elements, bits);
  if (!total) return std::nullopt;
  return *total / 8 + (*total % 8 != 0 ? 1 : 0);
}

}  // namespace onnxpack::model
