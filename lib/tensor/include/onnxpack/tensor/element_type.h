// ONNX's tensor element types: numbers as in TensorProto.DataType (onnx 1.23), names as in
// "tensor(float)".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::tensor {

enum class ElementType : std::uint8_t {
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
};

// Nothing for a number that onnx 1.23 does not define (or for 0).
std::optional<ElementType> element_type_from_onnx(std::int64_t number);

// ONNX's word: "float", "double", "bool", "float8e4m3fn", "uint4", ...; "undefined" for undefined.
std::string_view name_of(ElementType type);
// "tensor(float)".
std::string type_string(ElementType type);
// Takes "tensor(float)", "float" and the numpy-like "float32", "float64", "boolean". Errors:
// invalid_argument, with a suggestion.
Result<ElementType> parse_element_type(std::string_view text);

// Bits of one element: 2, 4, 8, ... 128. 0 for string and undefined, whose elements have no fixed
// size.
unsigned bit_width(ElementType type);
// float, double, float16, bfloat16, float8*, float4: types with fractions (no complex ones).
bool is_floating(ElementType type);
bool is_complex(ElementType type);
// Signed and unsigned whole numbers; not bool.
bool is_integer(ElementType type);
bool is_signed(ElementType type);

}  // namespace onnxpack::tensor
