// Protobuf's wire format, as far as copying a model with a few fields replaced needs it. Knows
// nothing of ONNX.
//
// A message is a row of fields: a varint tag (number * 8 + type), then by type: 0 a varint, 1 eight
// bytes, 2 a varint length and that many bytes, 5 four bytes. Groups (3, 4) do not occur in ONNX
// and are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend::wire {

struct Field {
  std::uint32_t number = 0;
  std::uint32_t type = 0;
  std::uint64_t value = 0;  // type 0
  ByteView content;         // type 2: the bytes after the length; points into the message
  ByteView whole;           // the field with its tag, for copying through

  bool is_message(std::uint32_t wanted) const { return number == wanted && type == 2; }
  bool is_varint(std::uint32_t wanted) const { return number == wanted && type == 0; }
};

class Reader {
 public:
  explicit Reader(ByteView message) : message_(message) {}
  // The next field; nothing at the end. Errors: corrupt.
  Result<std::optional<Field>> next();

 private:
  Result<std::uint64_t> varint();
  ByteView message_;
  std::size_t position_ = 0;
};

// Calls `use(Field) -> Status` for each field of `message`.
template <typename Use>
Status for_each_field(ByteView message, Use&& use) {
  Reader reader(message);
  while (true) {
    ONNXPACK_TRY(const std::optional<Field> field, reader.next());
    if (!field) return {};
    ONNXPACK_CHECK(use(*field));
  }
}

void append_varint(Bytes& out, std::uint64_t value);
void append_varint_field(Bytes& out, std::uint32_t number, std::uint64_t value);
void append_bytes_field(Bytes& out, std::uint32_t number, ByteView content);

}  // namespace onnxpack::ort_backend::wire
