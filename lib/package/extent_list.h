// Lists of extents that are put together from places in a member.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "onnxpack/extents/extent_map.h"
#include "onnxpack/io/file.h"

namespace onnxpack::package {

// An extent with its place in the member.
struct PlacedExtent {
  std::uint64_t at = 0;
  extents::Extent extent;
};

// What a blob has of a source, the other way round: extents of the source, which itself stands in
// `content`, with the blob as source `blob`. `of_blob` are the blob's. Ternary matrices are taken
// where every bit of them comes back. Errors: as reading.
Result<std::vector<PlacedExtent>> inverted(std::span<const extents::Extent> of_blob,
                                           std::uint32_t source, const io::ReadableFile& content,
                                           std::uint32_t blob);

// The member of `size` bytes, of these extents and of residual where there are none. Of two copies
// that overlap the second gives the rest; what is no copy is whole or not at all.
std::vector<extents::Extent> assemble(std::vector<PlacedExtent> placed, std::uint64_t size);

}  // namespace onnxpack::package
