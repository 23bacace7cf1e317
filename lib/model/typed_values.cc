#include "typed_values.h"

#include <fmt/format.h>

#include "onnx_fields.h"

namespace onnxpack::model {
namespace {

constexpr std::size_t piece = std::size_t{64} << 10;

// Collects small writes into pieces.
class Collector {
 public:
  explicit Collector(const ByteSink& use) : use_(&use) { buffer_.reserve(piece); }
  Status put(std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      buffer_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
    return buffer_.size() + 8 > piece ? flush() : Status{};
  }
  Status flush() {
    if (buffer_.empty()) return {};
    ONNXPACK_CHECK((*use_)(buffer_));
    buffer_.clear();
    return {};
  }

 private:
  const ByteSink* use_;
  Bytes buffer_;
};

// 6-bit elements come one to an int32 and are packed four to three bytes.
class SixBitPacker {
 public:
  Status put(Collector& out, std::uint64_t value) {
    bits_ |= (value & 0x3F) << used_;
    used_ += 6;
    if (used_ < 8) return {};
    used_ -= 8;
    const auto byte = bits_ & 0xFF;
    bits_ >>= 8;
    return out.put(byte, 1);
  }
  Status finish(Collector& out) { return used_ == 0 ? Status{} : out.put(bits_ & 0xFF, 1); }

 private:
  std::uint64_t bits_ = 0;
  unsigned used_ = 0;
};

// Bytes that one stored number makes. Sub-byte types store whole bytes, two or four elements each.
std::size_t stored_width(DataType type) {
  switch (type) {
    case DataType::complex64:
      return 4;
    case DataType::complex128:
      return 8;
    default:
      return std::max<std::size_t>(1, bit_width(type) / 8);
  }
}

}  // namespace

std::uint32_t storage_field(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::complex64:
      return field::tensor::float_data;
    case DataType::float64:
    case DataType::complex128:
      return field::tensor::double_data;
    case DataType::int64:
      return field::tensor::int64_data;
    case DataType::uint32:
    case DataType::uint64:
      return field::tensor::uint64_data;
    case DataType::string:
      return field::tensor::string_data;
    default:
      return is_known(type) ? field::tensor::int32_data : 0;
  }
}

Status decode_typed(WireMessage tensor, DataType type, const ByteSink& use) {
  const auto number = storage_field(type);
  if (number == 0) {
    return fail(ErrorKind::unsupported,
                fmt::format("tensor has unknown data_type {}", static_cast<std::int32_t>(type)));
  }
  const bool fixed = number == field::tensor::float_data || number == field::tensor::double_data;
  const auto width = stored_width(type);
  const bool six_bits = bit_width(type) == 6;
  Collector out(use);
  SixBitPacker packer;
  while (true) {
    ONNXPACK_TRY(auto field, tensor.next());
    if (!field) break;
    if (field->number != number) continue;
    if (fixed && field->type == WireType::bytes && field->size % width == 0) {
      // Packed floats are the bytes themselves.
      ONNXPACK_CHECK(out.flush());
      ONNXPACK_CHECK(io::for_each_piece(tensor.input().file(), field->payload, field->size, use));
      continue;
    }
    if (field->type == WireType::group) continue;
    ONNXPACK_CHECK(
        for_each_number(tensor.input(), *field, fixed ? width : 0, [&](std::uint64_t value) {
          return six_bits ? packer.put(out, value) : out.put(value, width);
        }));
  }
  ONNXPACK_CHECK(packer.finish(out));
  return out.flush();
}

Status decode_strings(WireMessage tensor, const std::function<Status(std::string_view)>& use) {
  while (true) {
    ONNXPACK_TRY(auto field, tensor.next());
    if (!field) return {};
    if (!field->is(field::tensor::string_data, WireType::bytes)) continue;
    ONNXPACK_TRY(std::string text, tensor.text(*field));
    ONNXPACK_CHECK(use(text));
  }
}

}  // namespace onnxpack::model
