#include "wire.h"

#include <fmt/format.h>

#include "onnxpack/base/checked.h"

namespace onnxpack::ort_backend::wire {

Result<std::uint64_t> Reader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (position_ == message_.size()) {
      return fail(ErrorKind::corrupt, "model file: a number ends early");
    }
    const auto byte = std::to_integer<std::uint64_t>(message_[position_++]);
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return fail(ErrorKind::corrupt, "model file: a number is longer than ten bytes");
}

Result<std::optional<Field>> Reader::next() {
  if (position_ == message_.size()) return std::nullopt;
  const std::size_t begin = position_;
  ONNXPACK_TRY(const std::uint64_t tag, varint());
  Field field;
  const auto number = checked_cast<std::uint32_t>(tag >> 3);
  field.type = static_cast<std::uint32_t>(tag & 7);
  std::uint64_t size = 0;
  switch (field.type) {
    case 0: {
      ONNXPACK_TRY(field.value, varint());
      break;
    }
    case 1:
      size = 8;
      break;
    case 2: {
      ONNXPACK_TRY(size, varint());
      break;
    }
    case 5:
      size = 4;
      break;
    default:
      return fail(ErrorKind::corrupt, fmt::format("model file: field of wire type {}", field.type));
  }
  if (!number || *number == 0 || !range_within(position_, size, message_.size())) {
    return fail(ErrorKind::corrupt, "model file: a field leaves its message");
  }
  field.number = *number;
  field.content = message_.subspan(position_, size);
  position_ += size;
  field.whole = message_.subspan(begin, position_ - begin);
  return field;
}

void append_varint(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

void append_varint_field(Bytes& out, std::uint32_t number, std::uint64_t value) {
  append_varint(out, std::uint64_t{number} << 3);
  append_varint(out, value);
}

void append_bytes_field(Bytes& out, std::uint32_t number, ByteView content) {
  append_varint(out, std::uint64_t{number} << 3 | 2);
  append_varint(out, content.size());
  append(out, content);
}

}  // namespace onnxpack::ort_backend::wire
