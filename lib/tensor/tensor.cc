#include "onnxpack/tensor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "small_float.h"

namespace onnxpack::tensor {
namespace {

template <typename T>
std::vector<double> widen_all(ByteView data) {
  std::vector<double> out(data.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(value);
  }
  return out;
}

std::vector<double> widen_small_floats(ElementType type, ByteView data) {
  std::vector<double> out;
  if (bit_width(type) == 16) {
    out.resize(data.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint16_t bits;
      std::memcpy(&bits, data.data() + i * 2, 2);
      out[i] = widen(type, bits);
    }
    return out;
  }
  out.resize(data.size());
  std::transform(data.begin(), data.end(), out.begin(),
                 [type](std::byte b) { return widen(type, std::to_integer<std::uint16_t>(b)); });
  return out;
}

// The raw field of element i of a packed tensor.
unsigned packed_at(ByteView data, unsigned bits, std::size_t i) {
  const std::size_t per_byte = 8 / bits;
  const unsigned shift = static_cast<unsigned>(i % per_byte) * bits;
  return (std::to_integer<unsigned>(data[i / per_byte]) >> shift) & ((1U << bits) - 1U);
}

std::vector<double> widen_packed(ElementType type, ByteView data, std::size_t count) {
  const unsigned bits = bit_width(type);
  std::vector<double> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned field = packed_at(data, bits, i);
    if (type == ElementType::float4e2m1) {
      out[i] = widen(type, static_cast<std::uint16_t>(field));
    } else {
      const bool negative = is_signed(type) && (field >> (bits - 1)) != 0;
      out[i] = static_cast<int>(field) - (negative ? 1 << bits : 0);
    }
  }
  return out;
}

Result<Tensor> pack(Tensor tensor, ElementType type) {
  const unsigned bits = bit_width(type);
  const int low = is_signed(type) ? -(1 << (bits - 1)) : 0;
  const int high = (is_signed(type) ? 1 << (bits - 1) : 1 << bits) - 1;
  ONNXPACK_TRY(std::uint64_t size, byte_size(type, tensor.data.size()));
  Bytes packed(size);
  for (std::size_t i = 0; i < tensor.data.size(); ++i) {
    const auto byte = std::to_integer<std::uint8_t>(tensor.data[i]);
    const int value = is_signed(tensor.type) ? static_cast<std::int8_t>(byte) : byte;
    if (value < low || value > high) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("element {} is {}, but {} holds {} to {}", i, value, name_of(type),
                              low, high));
    }
    const std::size_t per_byte = 8 / bits;
    const unsigned shift = static_cast<unsigned>(i % per_byte) * bits;
    packed[i / per_byte] |=
        static_cast<std::byte>((static_cast<unsigned>(value) & ((1U << bits) - 1U)) << shift);
  }
  tensor.type = type;
  tensor.data = std::move(packed);
  return tensor;
}

}  // namespace

Result<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  if (std::ranges::any_of(shape, [](std::int64_t dimension) { return dimension < 0; })) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("shape {} has a negative dimension", shape_string(shape)));
  }
  // Before the product, which other dimensions could overflow.
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const std::int64_t dimension : shape) {
    auto product = checked_mul(count, static_cast<std::uint64_t>(dimension));
    if (!product || *product > std::uint64_t{1} << 62) {
      return fail(ErrorKind::unsupported,
                  fmt::format("shape {} has too many elements", shape_string(shape)));
    }
    count = *product;
  }
  return count;
}

Result<std::uint64_t> byte_size(ElementType type, std::uint64_t count) {
  const unsigned bits = bit_width(type);
  if (bits == 0) {
    return fail(ErrorKind::unsupported,
                fmt::format("tensors of type {} have no raw form", name_of(type)));
  }
  const std::uint64_t total_limit = std::uint64_t{1} << 62;
  auto total = checked_mul<std::uint64_t>(count, bits);
  if (!total || *total > total_limit) {
    return fail(ErrorKind::unsupported,
                fmt::format("{} elements of type {} are too many", count, name_of(type)));
  }
  return (*total + 7) / 8;
}

Result<std::uint64_t> byte_size(ElementType type, std::span<const std::int64_t> shape) {
  ONNXPACK_TRY(std::uint64_t count, element_count(shape));
  return byte_size(type, count);
}

Status check(const Tensor& tensor) {
  ONNXPACK_TRY(const std::uint64_t expected, byte_size(tensor.type, tensor.shape));
  if (tensor.data.size() != expected) {
    return fail(ErrorKind::corrupt,
                fmt::format("a {} of shape {} takes {} bytes, found {}", type_string(tensor.type),
                            shape_string(tensor.shape), expected, tensor.data.size()));
  }
  return {};
}

std::string shape_string(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

Result<Shape> parse_shape(std::string_view text) {
  std::string_view inner = trim(text);
  if (inner.starts_with('[') && inner.ends_with(']'))
    inner = trim(inner.substr(1, inner.size() - 2));
  Shape shape;
  if (inner.empty()) return shape;
  for (std::string_view part : split(inner, ',')) {
    part = trim(part);
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size() || value < 0) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("'{}' is not a shape: '{}' is no dimension", printable(text),
                              printable(part)),
                  "write numbers with commas, as in 1,3,48,192");
    }
    shape.push_back(value);
  }
  return shape;
}

Result<std::vector<double>> to_doubles(const Tensor& tensor) {
  ONNXPACK_CHECK(check(tensor));
  switch (tensor.type) {
    case ElementType::float32:
    case ElementType::complex64:
      return widen_all<float>(tensor.data);
    case ElementType::float64:
    case ElementType::complex128:
      return widen_all<double>(tensor.data);
    case ElementType::boolean:
    case ElementType::uint8:
      return widen_all<std::uint8_t>(tensor.data);
    case ElementType::int8:
      return widen_all<std::int8_t>(tensor.data);
    case ElementType::uint16:
      return widen_all<std::uint16_t>(tensor.data);
    case ElementType::int16:
      return widen_all<std::int16_t>(tensor.data);
    case ElementType::uint32:
      return widen_all<std::uint32_t>(tensor.data);
    case ElementType::int32:
      return widen_all<std::int32_t>(tensor.data);
    case ElementType::uint64:
      return widen_all<std::uint64_t>(tensor.data);
    case ElementType::int64:
      return widen_all<std::int64_t>(tensor.data);
    default:
      break;
  }
  if (bit_width(tensor.type) >= 8) return widen_small_floats(tensor.type, tensor.data);
  ONNXPACK_TRY(const std::uint64_t count, element_count(tensor.shape));
  return widen_packed(tensor.type, tensor.data, count);
}

Result<Tensor> reinterpret_as(Tensor tensor, ElementType type) {
  ONNXPACK_CHECK(check(tensor));
  if (tensor.type == type) return tensor;
  const bool whole = is_integer(tensor.type);
  if (whole && is_floating(type) && bit_width(type) <= 16 &&
      bit_width(tensor.type) == bit_width(type)) {
    tensor.type = type;
    return tensor;
  }
  if (whole && bit_width(tensor.type) == 8 && is_integer(type) && bit_width(type) < 8) {
    return pack(std::move(tensor), type);
  }
  return fail(ErrorKind::invalid_argument,
              fmt::format("found {}, expected {}", type_string(tensor.type), type_string(type)),
              "convert the array with numpy's astype and save it again");
}

Result<Tensor> read_raw(io::FileSystem& file_system, const std::filesystem::path& path,
                        ElementType type, Shape shape) {
  ONNXPACK_TRY(const std::uint64_t expected, byte_size(type, shape));
  ONNXPACK_TRY(auto file, file_system.open(path));
  if (file->size() != expected) {
    return fail(ErrorKind::corrupt,
                fmt::format("{}: a {} of shape {} takes {} bytes, found {}", path.string(),
                            type_string(type), shape_string(shape), expected, file->size()));
  }
  ONNXPACK_TRY(Bytes data, file->read(0, expected));
  return Tensor{type, std::move(shape), std::move(data)};
}

}  // namespace onnxpack::tensor
