#include "banded_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::extents {
namespace {

// Files whose band is in memory, of all threads: at most 64 MiB as bands are.
constexpr std::size_t most_kept = 8;

struct Kept {
  std::mutex mutex;
  std::vector<const BandedFile*> files;  // the last one made its band last
};
Kept& kept() {
  static Kept all;
  return all;
}

}  // namespace

BandedFile::~BandedFile() {
  std::lock_guard lock(kept().mutex);
  std::erase(kept().files, this);
}

// The one that made its band longest ago loses it. Requires: this file's lock is held; so the
// other's is only tried, and one in use stays as it is.
void BandedFile::keep_few() const {
  std::lock_guard lock(kept().mutex);
  auto& files = kept().files;
  std::erase(files, this);
  files.push_back(this);
  if (files.size() <= most_kept) return;
  const BandedFile* oldest = files.front();
  std::unique_lock other(oldest->mutex_, std::try_to_lock);
  if (!other) return;
  files.erase(files.begin());
  oldest->loaded_ = false;
  Bytes().swap(oldest->band_);
}

Status BandedFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (!range_within(offset, out.size(), size())) {
    return fail(ErrorKind::corrupt,
                fmt::format("{}: need {} bytes at offset {}, have {}", printable(path().string()),
                            out.size(), offset, size() - std::min(size(), offset)));
  }
  std::lock_guard lock(mutex_);
  while (!out.empty()) {
    ONNXPACK_CHECK(load(offset / band_bytes()));
    const std::uint64_t skip = offset % band_bytes();
    auto now = out.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), band_.size() - skip)));
    std::memcpy(now.data(), band_.data() + skip, now.size());
    offset += now.size();
    out = out.subspan(now.size());
  }
  return {};
}

Status BandedFile::load(std::uint64_t number) const {
  if (loaded_ && number_ == number) return {};
  loaded_ = false;
  ONNXPACK_CHECK(make_band(number));
  number_ = number;
  loaded_ = true;
  keep_few();
  return {};
}

}  // namespace onnxpack::extents
