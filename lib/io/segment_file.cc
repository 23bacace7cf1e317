#include "onnxpack/io/segment_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::io {
namespace {

class SegmentFile final : public ReadableFile {
 public:
  SegmentFile(std::vector<Segment> segments, fs::path path,
              std::vector<std::shared_ptr<const void>> keep)
      : segments_(std::move(segments)), path_(std::move(path)), keep_(std::move(keep)) {
    begins_.reserve(segments_.size());
    for (const Segment& segment : segments_) {
      begins_.push_back(size_);
      size_ += segment_size(segment);
    }
  }

  std::uint64_t size() const override { return size_; }
  const fs::path& path() const override { return path_; }

  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), size_)) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: need {} bytes at offset {}, have {}", printable(path_.string()),
                              out.size(), offset, size_ - std::min(size_, offset)));
    }
    if (out.empty()) return {};
    // The last segment that begins at or before `offset`; empty ones before it hold nothing.
    auto after = std::ranges::upper_bound(begins_, offset);
    for (auto i = static_cast<std::size_t>(after - begins_.begin()) - 1; !out.empty(); ++i) {
      std::uint64_t skip = offset - begins_[i];
      auto now = out.first(static_cast<std::size_t>(
          std::min<std::uint64_t>(out.size(), segment_size(segments_[i]) - skip)));
      ONNXPACK_CHECK(read_segment(segments_[i], skip, now));
      offset += now.size();
      out = out.subspan(now.size());
    }
    return {};
  }

 private:
  static Status read_segment(const Segment& segment, std::uint64_t skip, std::span<std::byte> out) {
    if (out.empty()) return {};
    if (const auto* bytes = std::get_if<ByteView>(&segment)) {
      std::ranges::copy(bytes->subspan(static_cast<std::size_t>(skip), out.size()), out.begin());
      return {};
    }
    const auto& range = std::get<FileRange>(segment);
    return range.file->read_at(range.offset + skip, out);
  }

  std::vector<Segment> segments_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t size_ = 0;
  fs::path path_;
  std::vector<std::shared_ptr<const void>> keep_;
};

}  // namespace

std::unique_ptr<ReadableFile> segment_file(std::vector<Segment> segments, fs::path path,
                                           std::vector<std::shared_ptr<const void>> keep) {
  return std::make_unique<SegmentFile>(std::move(segments), std::move(path), std::move(keep));
}

}  // namespace onnxpack::io
