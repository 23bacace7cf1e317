// Small archives, made and read in memory.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "onnxpack/archive/reader.h"
#include "onnxpack/archive/writer.h"
#include "onnxpack/io/memory_file_system.h"

namespace onnxpack::archive::test {

struct Content {
  std::string name;
  Bytes bytes;
  friend bool operator==(const Content&, const Content&) = default;
};

// A file over a buffer.
class BufferFile final : public io::ReadableFile {
 public:
  explicit BufferFile(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  const io::fs::path& path() const override { return path_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return fail(ErrorKind::internal, "the reader read outside of the file");
    }
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  Bytes bytes_;
  io::fs::path path_ = "buffer";
};

// CPython is a peer in some tests. CI has it: there none of them is skipped.
inline bool has_python() {
  return std::system("python3 --version > /dev/null 2>&1") == 0;
}

inline Bytes random_bytes(std::size_t size, std::uint_fast32_t seed) {
  std::mt19937 random(seed);
  Bytes out(size);
  for (auto& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

// The file that holds `contents`, or the first error.
inline Result<Bytes> pack(const std::vector<Content>& contents) {
  io::MemoryFileSystem disk;
  ONNXPACK_TRY(auto output, disk.create("/out"));
  {
    ArchiveWriter writer(*output);
    for (const Content& content : contents) {
      if (auto added = writer.add(content.name, content.bytes); !added) {
        writer.abandon();
        return std::unexpected(added.error());
      }
    }
    ONNXPACK_CHECK(writer.finish());
  }
  ONNXPACK_CHECK(output->publish(io::Overwrite::no));
  return *disk.content("/out");
}

inline Result<ArchiveReader> open(Bytes file) {
  return ArchiveReader::open(std::make_shared<BufferFile>(std::move(file)));
}

// Everything the reader checks, as a verifying caller would do it: the members, or the first
// refusal and where it came.
struct Reading {
  std::vector<Content> contents = {};
  std::string stage = "accepted";
  std::optional<Error> error = {};
};

inline Reading read_fully(Bytes file) {
  Reading out;
  auto reader = open(std::move(file));
  if (!reader) return {.stage = "open", .error = reader.error()};
  if (auto checked = reader->check_local_headers(); !checked)
    return {.stage = "headers", .error = checked.error()};
  for (const Entry& entry : reader->entries()) {
    auto bytes = reader->read(entry, entry.size);
    if (!bytes) return {.stage = "content", .error = bytes.error()};
    out.contents.push_back({entry.name, std::move(*bytes)});
  }
  return out;
}

}  // namespace onnxpack::archive::test
