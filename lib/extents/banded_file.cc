#include "banded_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::extents {

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
  return {};
}

}  // namespace onnxpack::extents
