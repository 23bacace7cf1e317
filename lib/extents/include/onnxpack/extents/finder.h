// Finds what of a blob stands in other members already. Knows nothing of any backend: it looks for
// equal bytes.
//
// Method: of every source, windows of bytes are noted at sites some distance apart, each at 16
// consecutive positions, so that in the blob every 16th position is enough to look at whatever the
// alignment. A Bloom filter over 8 bytes sorts most of those out, a table over 32 bytes the rest,
// and what remains is compared with the source's bytes and extended both ways as far as they are
// equal.
//
// Tried and dropped: samples at positions that the content itself chooses. They find the same, but
// sources have to be scanned byte by byte as well, which is twice the time where little matches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/extents/extent_map.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

// Shorter matches stay literal: an extent costs 32 bytes and a read.
inline constexpr std::uint64_t least_match = 128;

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  // Where the range is a tensor of two dimensions or more, seen as a matrix: it is looked for
  // transposed as well, whole only. size() of it is `size`, or 0.
  Matrix matrix = {};
  // Where the range is a matrix in a ternary form (or of reals that may be ternary): it is looked
  // for in the other forms too, as it is and transposed, whole only.
  TernaryForm form = TernaryForm::none;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
};

// False for almost every matrix of reals that is not ternary, and for every other range; looks at
// the first rows only. Errors: as reading.
Result<bool> may_be_ternary(const io::ReadableFile& file, const Range& range);

// One thread at a time. The result depends on the sources, their order and the blob alone. Memory:
// at most 32 MiB, whatever the size of the sources. Every match that covers two sites of its source
// (sampling_distance() apart, and at the begin of each range) is found.
class Finder {
 public:
  // `expected_bytes`, of all sources that will be added: decides how far apart sites stand.
  explicit Finder(std::uint64_t expected_bytes);
  Finder(Finder&&) noexcept;
  Finder& operator=(Finder&&) noexcept;
  ~Finder();

  std::uint64_t sampling_distance() const;

  // Notes the windows of `ranges`; each gets a site at its first byte, so tensors smaller than the
  // distance are found when their ranges are given. Matches may extend beyond them to all of
  // `file`. Sources are numbered from 1 in the order of calls. Errors: as reading; cancelled.
  Status add_source(std::shared_ptr<const io::ReadableFile> file, std::span<const Range> ranges,
                    const CancelFlag* cancel = nullptr);

  // Extents that cover all of `blob`. Those of the residual have, as format.md wants, consecutive
  // offsets in it: `offset` counts residual bytes, and their place in the blob is the sum of the
  // sizes before. Errors: as reading; cancelled.
  Result<std::vector<Extent>> find(const io::ReadableFile& blob,
                                   const CancelFlag* cancel = nullptr) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace onnxpack::extents
