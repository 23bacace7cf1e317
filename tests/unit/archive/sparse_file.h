// Files of many gigabytes that cost what was written into them: the rest is zeros that nobody
// stores.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "onnxpack/base/checked.h"
#include "onnxpack/io/file.h"

namespace onnxpack::archive::test {

// All zeros.
class ZeroFile final : public io::ReadableFile {
 public:
  explicit ZeroFile(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t, std::span<std::byte> out) const override {
    std::ranges::fill(out, std::byte{0});
    return {};
  }

 private:
  std::uint64_t size_;
  io::fs::path path_ = "zeros";
};

// Both sides of a file. append_from() takes its source for zeros.
class SparseFile final : public io::WritableFile, public io::ReadableFile {
 public:
  std::map<std::uint64_t, Bytes> extents;

  Status write(ByteView bytes) override {
    extents[size_] = Bytes(bytes.begin(), bytes.end());
    size_ += bytes.size();
    return {};
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override {
    auto extent = std::prev(extents.upper_bound(offset));
    std::ranges::copy(bytes,
                      extent->second.begin() + static_cast<std::ptrdiff_t>(offset - extent->first));
    return {};
  }
  std::uint64_t position() const override { return size_; }
  Status append_from(const io::ReadableFile&, std::uint64_t, std::uint64_t size) override {
    size_ += size;
    return {};
  }
  Status publish(io::Overwrite) override { return {}; }
  Status publish_unsynced(io::Overwrite) override { return {}; }

  std::uint64_t size() const override { return size_; }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), size_))
      return fail(ErrorKind::internal, "read outside of the file");
    std::ranges::fill(out, std::byte{0});
    for (const auto& [start, bytes] : extents) {
      std::uint64_t from = std::max(start, offset);
      std::uint64_t to = std::min(start + bytes.size(), offset + out.size());
      if (from >= to) continue;
      auto source = ByteView(bytes).subspan(static_cast<std::size_t>(from - start),
                                            static_cast<std::size_t>(to - from));
      std::ranges::copy(source, out.begin() + static_cast<std::ptrdiff_t>(from - offset));
    }
    return {};
  }

 private:
  std::uint64_t size_ = 0;
  io::fs::path path_ = "sparse";
};

}  // namespace onnxpack::archive::test
