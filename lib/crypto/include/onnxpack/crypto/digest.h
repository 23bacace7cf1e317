// SHA-256 digests as values, and the functions that make them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::crypto {

// 32 bytes. The default value is all zeros, which is no content's digest that anybody knows.
class Digest {
 public:
  static constexpr std::size_t size = 32;

  constexpr Digest() = default;
  constexpr explicit Digest(std::span<const std::byte, size> bytes) {
    for (std::size_t i = 0; i < size; ++i) bytes_[i] = bytes[i];
  }

  // Exactly 64 lower-case hex digits, since texts that hold digests are canonical. Errors: corrupt.
  static Result<Digest> from_hex(std::string_view text);
  // 64 lower-case hex digits.
  std::string hex() const;
  std::span<const std::byte, size> bytes() const { return bytes_; }

  friend constexpr bool operator==(const Digest&, const Digest&) = default;
  friend constexpr auto operator<=>(const Digest&, const Digest&) = default;

 private:
  std::array<std::byte, size> bytes_{};
};

// A list of digests as a binary member: one after the other, 32 bytes each, nothing else.
Bytes pack_digests(std::span<const Digest> digests);
// Errors: corrupt when the size is no multiple of 32.
Result<std::vector<Digest>> unpack_digests(ByteView bytes);

// Streaming SHA-256. One thread at a time. Construction costs about a microsecond. Throws only when
// OpenSSL itself cannot work (out of memory, a configuration that forbids SHA-256).
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(ByteView bytes);
  // The digest of everything since construction or the last finish(); starts anew.
  Digest finish();

 private:
  struct Free {
    void operator()(void* context) const noexcept;
  };
  std::unique_ptr<void, Free> context_;  // EVP_MD_CTX: OpenSSL's headers stay in the .cc file
};

Digest sha256(ByteView bytes);
inline Digest sha256(std::string_view text) {
  return sha256(as_bytes(text));
}

// Of a range of a file, in pieces of 1 MiB. Errors: as ReadableFile::read_at, cancelled. For large
// files of which the CRC or the chunk digests are wanted too, ContentHasher reads once for all of
// them.
Result<Digest> sha256_file(const io::ReadableFile& file, std::uint64_t offset, std::uint64_t size,
                           const CancelFlag* cancel = nullptr);
Result<Digest> sha256_file(const io::ReadableFile& file, const CancelFlag* cancel = nullptr);

}  // namespace onnxpack::crypto

template <>
struct std::hash<onnxpack::crypto::Digest> {
  std::size_t operator()(const onnxpack::crypto::Digest& digest) const noexcept {
    std::size_t out;  // a digest is uniform already: its first bytes are a hash
    std::memcpy(&out, digest.bytes().data(), sizeof out);
    return out;
  }
};
