// Element types of ONNX tensors, numbered as TensorProto.DataType numbers them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace onnxpack::model {

enum class DataType : std::int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
  float6e2m3 = 27,
  float6e3m2 = 28,
};

// The name in ONNX's type text, as in "tensor(float)"; "undefined" for that one and for numbers
// that onnx 1.23 does not know.
std::string_view to_string(DataType type);
bool is_known(DataType type);
bool is_integer(DataType type);
// Bits of one element; 0 for undefined, string and unknown types.
std::uint32_t bit_width(DataType type);
// Bytes that a tensor takes as raw_data: sub-byte elements packed, the last byte padded. Nothing
// when the type has no fixed width, a dimension is negative, or the product does not fit.
std::optional<std::uint64_t> raw_size(DataType type, std::span<const std::int64_t> dims);

}  // namespace onnxpack::model
