// A tensor as the project moves it between files and programs: type, shape, raw little-endian
// bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/tensor/element_type.h"

namespace onnxpack::tensor {

using Shape = std::vector<std::int64_t>;

// Row-major, no padding; one byte per bool; types below a byte packed as ONNX packs raw_data: first
// element in the low bits, the last byte filled with zero bits. String tensors have no raw form and
// are not held.
struct Tensor {
  ElementType type = ElementType::undefined;
  Shape shape;  // empty: a scalar
  Bytes data;

  bool operator==(const Tensor&) const = default;
};

struct NamedTensor {
  std::string name;
  Tensor value;
};

// Product of the dimensions; 1 for a scalar, 0 when any is 0. Errors: invalid_argument (a negative
// dimension), unsupported (over 2^62).
Result<std::uint64_t> element_count(std::span<const std::int64_t> shape);
// Bytes of that many elements, packed ones rounded up. Errors: unsupported (string, undefined,
// overflow).
Result<std::uint64_t> byte_size(ElementType type, std::uint64_t count);
Result<std::uint64_t> byte_size(ElementType type, std::span<const std::int64_t> shape);

// Errors: corrupt when data is not as long as type and shape demand, naming both sizes; else as
// byte_size.
Status check(const Tensor& tensor);

// "[1,3,48,192]"; "[]" for a scalar.
std::string shape_string(std::span<const std::int64_t> shape);
// "[1,3,48,192]" or "1,3,48,192" or "" or "[]"; every dimension >= 0. Errors: invalid_argument.
Result<Shape> parse_shape(std::string_view text);

// Every element widened to double: exact for all types but int64 and uint64 beyond 2^53, which
// round. Complex elements give two numbers each. Errors: as check.
Result<std::vector<double>> to_doubles(const Tensor& tensor);

// The same numbers under another name, for formats that lack ONNX's types: same-width whole numbers
// become bfloat16 or float8 bit for bit, one-byte whole numbers become packed int4, uint4, int2 and
// uint2 (each in range). Errors: invalid_argument otherwise.
Result<Tensor> reinterpret_as(Tensor tensor, ElementType type);

// A headerless little-endian file of exactly the right size. Errors: as FileSystem::open, check.
Result<Tensor> read_raw(io::FileSystem& file_system, const std::filesystem::path& path,
                        ElementType type, Shape shape);

}  // namespace onnxpack::tensor
