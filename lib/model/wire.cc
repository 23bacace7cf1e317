#include "onnxpack/model/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "onnxpack/base/checked.h"

namespace onnxpack::model {
namespace {

constexpr std::size_t smallest_stride = 4096;
constexpr std::size_t largest_stride = std::size_t{256} << 10;
constexpr std::size_t widest_peek = std::size_t{64} << 10;
constexpr std::size_t widest_varint = 10;
constexpr std::size_t widest_tag = 5;

std::unexpected<Error> broken(std::string text) {
  return fail(ErrorKind::corrupt, "broken protobuf: " + std::move(text));
}

std::uint64_t load_le(ByteView bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

}  // namespace

std::size_t varint_width(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

void append_varint(Bytes& out, std::uint64_t value) {
  append_varint(out, value, varint_width(value));
}

void append_varint(Bytes& out, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    const auto low = static_cast<std::uint8_t>(value & 0x7F);
    out.push_back(static_cast<std::byte>(i + 1 < width ? low | 0x80U : low));
    value >>= 7;
  }
}

void append_tag(Bytes& out, std::uint32_t number, WireType type) {
  append_varint(out, std::uint64_t{number} << 3 | static_cast<std::uint64_t>(type));
}

void append_bytes_field(Bytes& out, std::uint32_t number, ByteView payload) {
  append_tag(out, number, WireType::bytes);
  append_varint(out, payload.size());
  append(out, payload);
}

void append_varint_field(Bytes& out, std::uint32_t number, std::uint64_t value) {
  append_tag(out, number, WireType::varint);
  append_varint(out, value);
}

Result<ByteView> WireInput::peek(std::uint64_t offset, std::size_t size) {
  if (offset < window_begin_ || offset - window_begin_ > window_size_ ||
      window_size_ - (offset - window_begin_) < size) {
    ONNXPACK_CHECK(refill(offset, size));
  }
  return ByteView(window_).subspan(static_cast<std::size_t>(offset - window_begin_), size);
}

// A walk that reads on sees ever larger windows; one that jumped over a tensor starts small again,
// so that a file of many large tensors costs a page or two for each.
Status WireInput::refill(std::uint64_t offset, std::size_t size) {
  const bool sequential =
      window_size_ > 0 && offset >= window_begin_ && offset <= window_begin_ + window_size_;
  stride_ = sequential ? std::min(stride_ * 2, largest_stride) : smallest_stride;
  const auto wanted = std::max(stride_, std::min(size, widest_peek));
  window_size_ = 0;
  const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, size_ - offset));
  if (window_.size() < now) window_.resize(now);
  ONNXPACK_CHECK(file_->read_at(offset, std::span(window_).first(now)));
  window_begin_ = offset;
  window_size_ = now;
  return {};
}

Result<WireMessage::Varint> WireMessage::varint(std::uint64_t offset, std::size_t widest) const {
  const auto available = static_cast<std::size_t>(std::min<std::uint64_t>(end_ - offset, widest));
  ONNXPACK_TRY(ByteView bytes, input_->peek(offset, available));
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    value |= (byte & 0x7F) << (7 * i);  // bits beyond 64 fall off, as in protobuf
    if ((byte & 0x80) == 0) {
      return Varint{value, static_cast<std::uint8_t>(i + 1), i == 0 || byte != 0};
    }
  }
  if (available < widest) {
    return broken(fmt::format("number at offset {} is cut off at offset {}", offset, end_));
  }
  return broken(fmt::format("number at offset {} is longer than {} bytes", offset, widest));
}

Result<std::optional<WireField>> WireMessage::next() {
  if (at_ >= end_) return std::nullopt;
  WireField field;
  field.begin = at_;
  ONNXPACK_TRY(Varint tag, varint(at_, widest_tag));
  const auto number = tag.value >> 3;
  if (number == 0 || number >= (1U << 29)) {
    return broken(fmt::format("field number {} at offset {} is not allowed", number, at_));
  }
  field.number = static_cast<std::uint32_t>(number);
  field.minimal = tag.minimal;
  field.payload = at_ + tag.width;
  switch (tag.value & 7) {
    case 0: {
      ONNXPACK_TRY(Varint value, varint(field.payload, widest_varint));
      field.type = WireType::varint;
      field.value = value.value;
      field.size = value.width;
      field.minimal = field.minimal && value.minimal;
      break;
    }
    case 1:
    case 5:
      field.type = (tag.value & 7) == 1 ? WireType::fixed64 : WireType::fixed32;
      field.size = field.type == WireType::fixed64 ? 8 : 4;
      if (!range_within(field.payload, field.size, end_)) {
        return broken(
            fmt::format("field {} at offset {} is cut off at offset {}", number, at_, end_));
      }
      {
        ONNXPACK_TRY(ByteView raw,
                     input_->peek(field.payload, static_cast<std::size_t>(field.size)));
        field.value = load_le(raw);
      }
      break;
    case 2: {
      ONNXPACK_TRY(Varint length, varint(field.payload, widest_varint));
      field.type = WireType::bytes;
      field.length_width = length.width;
      field.payload += length.width;
      field.size = length.value;
      field.minimal = field.minimal && length.minimal;
      if (!range_within(field.payload, field.size, end_)) {
        return broken(fmt::format("field {} at offset {} says {} bytes, {} are left", number, at_,
                                  field.size, end_ - field.payload));
      }
      break;
    }
    case 3: {
      field.type = WireType::group;
      ONNXPACK_TRY(std::uint64_t end, group_end(field.number, field.payload));
      field.size = end - field.payload;
      break;
    }
    case 4:
      return broken(fmt::format("end of group {} at offset {} without a beginning", number, at_));
    default:
      return broken(fmt::format("field {} at offset {} has unknown wire type {}", number, at_,
                                tag.value & 7));
  }
  at_ = field.end();
  return field;
}

// Iterative, so that nested groups cost no stack.
Result<std::uint64_t> WireMessage::group_end(std::uint32_t number, std::uint64_t offset) const {
  std::vector<std::uint32_t> open = {number};
  WireMessage inside(*input_, offset, end_ - offset, depth_);
  while (inside.at_ < end_) {
    ONNXPACK_TRY(Varint tag, inside.varint(inside.at_, widest_tag));
    const auto type = tag.value & 7;
    const auto field_number = tag.value >> 3;
    if (type == 3) {
      if (static_cast<int>(open.size()) + depth_ >= wire_depth_limit) break;
      open.push_back(static_cast<std::uint32_t>(field_number));
      inside.at_ += tag.width;
    } else if (type == 4) {
      if (field_number != open.back()) break;
      open.pop_back();
      inside.at_ += tag.width;
      if (open.empty()) return inside.at_;
    } else {
      ONNXPACK_CHECK(inside.next());
    }
  }
  return broken(fmt::format("group {} at offset {} does not end", number, offset));
}

Result<WireMessage> WireMessage::enter(const WireField& field) const {
  if (depth_ + 1 >= wire_depth_limit) {
    return broken(fmt::format("messages at offset {} are nested deeper than {}", field.begin,
                              wire_depth_limit));
  }
  return WireMessage(*input_, field.payload, field.size, depth_ + 1);
}

Result<std::string> WireMessage::text(const WireField& field) const {
  if (field.size > wire_text_limit) {
    return fail(ErrorKind::unsupported,
                fmt::format("text of {} bytes at offset {}, the limit is {}", field.size,
                            field.payload, wire_text_limit));
  }
  const auto size = static_cast<std::size_t>(field.size);
  if (size <= widest_peek) {
    ONNXPACK_TRY(ByteView bytes, input_->peek(field.payload, size));
    return std::string(as_text(bytes));
  }
  ONNXPACK_TRY(Bytes bytes, input_->file().read(field.payload, size));
  return std::string(as_text(bytes));
}

Result<std::uint64_t> detail::next_number(WireInput& input, NumberCursor& cursor,
                                          std::size_t fixed_width) {
  const auto left = cursor.end - cursor.at;
  if (fixed_width != 0) {
    if (left < fixed_width) {
      return broken(fmt::format("packed numbers end at offset {} within a number", cursor.end));
    }
    ONNXPACK_TRY(ByteView bytes, input.peek(cursor.at, fixed_width));
    cursor.at += fixed_width;
    return load_le(bytes);
  }
  ONNXPACK_TRY(ByteView bytes,
               input.peek(cursor.at,
                          static_cast<std::size_t>(std::min<std::uint64_t>(left, widest_varint))));
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    value |= (byte & 0x7F) << (7 * i);
    if ((byte & 0x80) == 0) {
      cursor.at += i + 1;
      return value;
    }
  }
  return broken(fmt::format("packed number at offset {} does not end", cursor.at));
}

Status ViewFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (!range_within(offset, out.size(), bytes_.size())) {
    return fail(ErrorKind::corrupt, fmt::format("need {} bytes at offset {}, have {}", out.size(),
                                                offset, bytes_.size()));
  }
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

}  // namespace onnxpack::model
