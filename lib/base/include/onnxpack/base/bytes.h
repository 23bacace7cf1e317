// Bounds-checked movement in foreign bytes, little endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "onnxpack/base/error.h"

namespace onnxpack {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(std::string_view text) {
  auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

// Reads a borrowed buffer front to back. A failed read leaves the position where it was.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  bool at_end() const { return remaining() == 0; }

  // Errors: corrupt, "need N bytes at offset P, have M".
  Result<ByteView> take(std::size_t size);
  Status skip(std::size_t size);

  template <typename T>
    requires std::is_unsigned_v<T>
  Result<T> read_le() {
    ONNXPACK_TRY(ByteView raw, take(sizeof(T)));
    T value{};
    std::memcpy(&value, raw.data(), sizeof(T));  // little-endian hosts only, see base/bytes.cc
    return value;
  }

 private:
  ByteView bytes_;
  std::size_t position_ = 0;
};

// Appends little endian.
template <typename T>
  requires std::is_unsigned_v<T>
void append_le(Bytes& out, T value) {
  std::array<std::byte, sizeof(T)> raw;
  std::memcpy(raw.data(), &value, sizeof(T));
  out.insert(out.end(), raw.begin(), raw.end());
}

inline void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
inline void append(Bytes& out, std::string_view text) { append(out, as_bytes(text)); }

}  // namespace onnxpack
