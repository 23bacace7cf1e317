// Walks protobuf's wire format in a file without loading it: buffered reads, large fields skipped
// and never read.
//
//   message  = field*
//   field    = tag value          tag = varint of (number << 3 | wire type), number 1 .. 2^29 - 1
//   value    = varint | 8 bytes | length payload | field* end-tag (groups, types 3 and 4) | 4 bytes
//   varint   = little-endian base 128, at most 10 bytes (5 in a tag); a longer form than needed is
//   legal and noticed
//
// Source: protobuf's "Encoding" page. Everything is bounds checked against the enclosing message;
// nesting is limited as in protobuf's own readers (100 levels), so that a hostile file cannot
// exhaust the stack of a recursive caller. Not thread safe: one WireInput per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::model {

inline constexpr int wire_depth_limit = 100;
// Text longer than this is refused: no name is, and memory must not follow a forged length.
inline constexpr std::uint64_t wire_text_limit = std::uint64_t{16} << 20;

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, group = 3, fixed32 = 5 };

// Bytes of `value` as the shortest varint.
std::size_t varint_width(std::uint64_t value);
void append_varint(Bytes& out, std::uint64_t value);
// In exactly `width` bytes. Requires: varint_width(value) <= width <= 10.
void append_varint(Bytes& out, std::uint64_t value, std::size_t width);
void append_tag(Bytes& out, std::uint32_t number, WireType type);
// Tag, length and payload.
void append_bytes_field(Bytes& out, std::uint32_t number, ByteView payload);
void append_varint_field(Bytes& out, std::uint32_t number, std::uint64_t value);

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint8_t length_width = 0;  // bytes fields: bytes that the length takes
  bool minimal = true;            // tag, and length or varint, in their shortest form
  std::uint64_t begin = 0;        // offset of the tag
  std::uint64_t payload = 0;      // offset of the value, behind a length
  std::uint64_t size = 0;         // of the payload; a group's includes its end tag
  std::uint64_t value = 0;        // varint and fixed fields
  std::uint64_t end() const { return payload + size; }
  std::uint64_t length_offset() const { return payload - length_width; }
  bool is(std::uint32_t n, WireType t) const { return number == n && type == t; }
};

// A window on a file that moves as the walk does. Memory: at most 256 KiB.
class WireInput {
 public:
  // `file` outlives this.
  explicit WireInput(const io::ReadableFile& file) : file_(&file), size_(file.size()) {}

  std::uint64_t size() const { return size_; }
  const io::ReadableFile& file() const { return *file_; }
  // `size` bytes from `offset`, valid until the next call. Requires: size <= 64 KiB, within the
  // file. Errors: as read_at.
  Result<ByteView> peek(std::uint64_t offset, std::size_t size);

 private:
  Status refill(std::uint64_t offset, std::size_t size);

  const io::ReadableFile* file_;
  std::uint64_t size_;
  Bytes window_;
  std::uint64_t window_begin_ = 0;
  std::size_t window_size_ = 0;
  std::size_t stride_ = 0;
};

// The fields of one message, front to back.
class WireMessage {
 public:
  // The whole file as one message. `input` outlives this.
  explicit WireMessage(WireInput& input) : WireMessage(input, 0, input.size(), 0) {}

  // The message that stands at `offset`. Requires: the range lies within the file.
  static WireMessage at(WireInput& input, std::uint64_t offset, std::uint64_t size) {
    return {input, offset, size, 0};
  }

  // The next field, or nothing at the end. Errors: corrupt, with the offset and what was expected.
  Result<std::optional<WireField>> next();
  // The payload of a bytes field as a message. Errors: corrupt when nested deeper than
  // wire_depth_limit.
  Result<WireMessage> enter(const WireField& field) const;
  // The payload of a bytes field. Errors: unsupported above wire_text_limit.
  Result<std::string> text(const WireField& field) const;

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  int depth() const { return depth_; }
  WireInput& input() const { return *input_; }

 private:
  WireMessage(WireInput& input, std::uint64_t begin, std::uint64_t size, int depth)
      : input_(&input), begin_(begin), at_(begin), end_(begin + size), depth_(depth) {}
  struct Varint {
    std::uint64_t value;
    std::uint8_t width;
    bool minimal;
  };
  Result<Varint> varint(std::uint64_t offset, std::size_t widest) const;
  Result<std::uint64_t> group_end(std::uint32_t number, std::uint64_t offset) const;

  WireInput* input_;
  std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t end_;
  int depth_;
};

// The numbers of a repeated numeric field, packed or not: call once per field met;
// `use(std::uint64_t) -> Status` gets raw varints, or the bits of fixed values when `fixed_width`
// is 4 or 8. Memory: one buffer.
Status for_each_number(WireInput& input, const WireField& field, std::size_t fixed_width,
                       const auto& use);

// What follows is for_each_number's machinery.
namespace detail {
struct NumberCursor {
  std::uint64_t at;
  std::uint64_t end;
};
// The next number of a packed payload. Errors: corrupt.
Result<std::uint64_t> next_number(WireInput& input, NumberCursor& cursor, std::size_t fixed_width);
}  // namespace detail

Status for_each_number(WireInput& input, const WireField& field, std::size_t fixed_width,
                       const auto& use) {
  if (field.type != WireType::bytes) return use(field.value);
  detail::NumberCursor cursor{field.payload, field.end()};
  while (cursor.at < cursor.end) {
    ONNXPACK_TRY(std::uint64_t number, detail::next_number(input, cursor, fixed_width));
    ONNXPACK_CHECK(use(number));
  }
  return {};
}

// A buffer as a file, so that one walker serves both. The bytes outlive this.
class ViewFile : public io::ReadableFile {
 public:
  explicit ViewFile(ByteView bytes, io::fs::path path = {})
      : bytes_(bytes), path_(std::move(path)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  ByteView bytes_;
  io::fs::path path_;
};

}  // namespace onnxpack::model
