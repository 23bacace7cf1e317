// A file seen through a buffer that moves: for comparing two files from any two positions on, both
// ways, without mapping them (mapped pages would count as the program's memory).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

class ByteWindow {
 public:
  explicit ByteWindow(const io::ReadableFile& file) : file_(&file), size_(file.size()) {}

  std::uint64_t size() const { return size_; }

  // At least `least` bytes from `offset` on, and what the buffer has beyond them.
  // Requires: the range lies within the file, least <= block.
  Result<ByteView> from(std::uint64_t offset, std::size_t least) {
    if (offset < begin_ || offset + least > begin_ + valid_) {
      ONNXPACK_CHECK(fill(offset, block));
    }
    return ByteView(buffer_).subspan(static_cast<std::size_t>(offset - begin_),
                                     static_cast<std::size_t>(begin_ + valid_ - offset));
  }

  // At least one byte that ends at `end`, and what the buffer has before.
  // Requires: 0 < end <= size().
  Result<ByteView> until(std::uint64_t end) {
    if (end <= begin_ || end > begin_ + valid_) {
      ONNXPACK_CHECK(fill(end - std::min<std::uint64_t>(end, small_block), small_block));
    }
    return ByteView(buffer_).first(static_cast<std::size_t>(end - begin_));
  }

  static constexpr std::size_t block = std::size_t{256} << 10;

 private:
  // Going back, matches mostly end soon: a site is not far behind.
  static constexpr std::size_t small_block = std::size_t{8} << 10;

  Status fill(std::uint64_t offset, std::size_t want) {
    auto now = static_cast<std::size_t>(std::min<std::uint64_t>(want, size_ - offset));
    buffer_.resize(std::max(buffer_.size(), now));
    valid_ = 0;
    ONNXPACK_CHECK(file_->read_at(offset, std::span(buffer_).first(now)));
    begin_ = offset;
    valid_ = now;
    return {};
  }

  const io::ReadableFile* file_;
  std::uint64_t size_;
  Bytes buffer_;
  std::uint64_t begin_ = 0;
  std::size_t valid_ = 0;
};

// How many of `size` bytes are equal from the first on. memcmp is some twenty times as fast as a
// search for the first difference, which is left with the piece that has it.
inline std::size_t equal_bytes(const std::byte* left, const std::byte* right, std::size_t size) {
  constexpr std::size_t piece = 1024;
  std::size_t done = 0;
  while (size - done >= piece && std::memcmp(left + done, right + done, piece) == 0) done += piece;
  const std::byte* end = left + std::min(size, done + piece);
  return static_cast<std::size_t>(std::mismatch(left + done, end, right + done).first - left);
}

// How many bytes are equal from here on, at most `limit`.
inline Result<std::uint64_t> equal_forward(ByteWindow& a, std::uint64_t at_a, ByteWindow& b,
                                           std::uint64_t at_b, std::uint64_t limit) {
  std::uint64_t done = 0;
  while (done < limit) {
    ONNXPACK_TRY(ByteView left, a.from(at_a + done, 1));
    ONNXPACK_TRY(ByteView right, b.from(at_b + done, 1));
    auto now = static_cast<std::size_t>(
        std::min<std::uint64_t>({left.size(), right.size(), limit - done}));
    const std::size_t equal = equal_bytes(left.data(), right.data(), now);
    done += equal;
    if (equal < now) return done;
  }
  return done;
}

// How many bytes are equal before the two ends, at most `limit`.
inline Result<std::uint64_t> equal_backward(ByteWindow& a, std::uint64_t end_a, ByteWindow& b,
                                            std::uint64_t end_b, std::uint64_t limit) {
  std::uint64_t done = 0;
  while (done < limit) {
    ONNXPACK_TRY(ByteView left, a.until(end_a - done));
    ONNXPACK_TRY(ByteView right, b.until(end_b - done));
    auto now = static_cast<std::size_t>(
        std::min<std::uint64_t>({left.size(), right.size(), limit - done}));
    auto differ = std::mismatch(left.rbegin(), left.rbegin() + static_cast<std::ptrdiff_t>(now),
                                right.rbegin());
    auto equal = static_cast<std::size_t>(differ.first - left.rbegin());
    done += equal;
    if (equal < now) return done;
  }
  return done;
}

}  // namespace onnxpack::extents
