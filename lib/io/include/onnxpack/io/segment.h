// Content that is put together from pieces in memory and ranges of files, without being in memory
// as a whole.
#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "onnxpack/base/bytes.h"
#include "onnxpack/io/file.h"

namespace onnxpack::io {

// Borrowed: the file outlives the segment.
struct FileRange {
  const ReadableFile* file = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// One piece of a content that is the concatenation of a list of them, like an annotated model:
// ranges of the original with small inserted bytes between. Bytes are borrowed too.
using Segment = std::variant<ByteView, FileRange>;

inline std::uint64_t segment_size(const Segment& segment) {
  if (const auto* bytes = std::get_if<ByteView>(&segment)) return bytes->size();
  return std::get<FileRange>(segment).size;
}

}  // namespace onnxpack::io
