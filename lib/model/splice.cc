#include "splice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "onnxpack/base/checked.h"

namespace onnxpack::model {
namespace {

std::uint64_t size_of(const Segment& segment) {
  if (const auto* range = std::get_if<FileRange>(&segment)) return range->size;
  return std::get<Bytes>(segment).size();
}

// Where each segment begins.
std::vector<std::uint64_t> begins_of(const Splice& splice) {
  std::vector<std::uint64_t> begins;
  begins.reserve(splice.segments.size());
  std::uint64_t at = 0;
  for (const auto& segment : splice.segments) {
    begins.push_back(at);
    at += size_of(segment);
  }
  return begins;
}

// Calls use(segment, offset within it, size) -> Status for each segment that [offset, offset +
// size) touches.
template <typename Use>
Status for_each_part(const Splice& splice, const std::vector<std::uint64_t>& begins,
                     std::uint64_t offset, std::uint64_t size, Use&& use) {
  if (size == 0) return {};
  auto index =
      static_cast<std::size_t>(std::ranges::upper_bound(begins, offset) - begins.begin()) - 1;
  while (size > 0) {
    const auto& segment = splice.segments[index];
    const auto skip = offset - begins[index];
    const auto now = std::min(size, size_of(segment) - skip);
    ONNXPACK_CHECK(use(segment, skip, now));
    offset += now;
    size -= now;
    ++index;
  }
  return {};
}

class SplicedFile : public io::ReadableFile {
 public:
  SplicedFile(std::shared_ptr<const io::ReadableFile> source, Splice splice)
      : source_(std::move(source)), splice_(std::move(splice)), begins_(begins_of(splice_)) {}

  std::uint64_t size() const override { return splice_.size; }
  const io::fs::path& path() const override { return source_->path(); }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), splice_.size)) {
      return fail(ErrorKind::corrupt, fmt::format("need {} bytes at offset {}, have {}", out.size(),
                                                  offset, splice_.size));
    }
    return for_each_part(splice_, begins_, offset, out.size(),
                         [&](const Segment& segment, std::uint64_t skip, std::uint64_t size) {
                           auto now = out.first(static_cast<std::size_t>(size));
                           out = out.subspan(now.size());
                           return read_part(segment, skip, now);
                         });
  }

 private:
  Status read_part(const Segment& segment, std::uint64_t skip, std::span<std::byte> out) const {
    if (const auto* range = std::get_if<FileRange>(&segment)) {
      return source_->read_at(range->offset + skip, out);
    }
    std::memcpy(out.data(), std::get<Bytes>(segment).data() + skip, out.size());
    return {};
  }

  std::shared_ptr<const io::ReadableFile> source_;
  Splice splice_;
  std::vector<std::uint64_t> begins_;
};

}  // namespace

void Splice::append_range(FileRange range) {
  if (range.size == 0) return;
  size += range.size;
  if (!segments.empty()) {
    auto* last = std::get_if<FileRange>(&segments.back());
    if (last != nullptr && last->end() == range.offset) {
      last->size += range.size;
      return;
    }
  }
  segments.emplace_back(range);
}

void Splice::append_bytes(ByteView bytes) {
  if (bytes.empty()) return;
  size += bytes.size();
  if (!segments.empty()) {
    if (auto* last = std::get_if<Bytes>(&segments.back())) {
      append(*last, bytes);
      return;
    }
  }
  segments.emplace_back(Bytes(bytes.begin(), bytes.end()));
}

std::shared_ptr<const io::ReadableFile> splice_view(std::shared_ptr<const io::ReadableFile> source,
                                                    Splice splice) {
  return std::make_shared<SplicedFile>(std::move(source), std::move(splice));
}

Result<ModelFile> open_spliced(const ModelFile& model, Splice splice) {
  return ModelFile::open(model.file_system(), splice_view(model.shared_file(), std::move(splice)),
                         model.path().parent_path());
}

Splice compose(const Splice& outer, const Splice& inner) {
  const auto begins = begins_of(inner);
  Splice out;
  const auto add = [&](const Segment& segment, std::uint64_t skip, std::uint64_t size) -> Status {
    if (const auto* range = std::get_if<FileRange>(&segment)) {
      out.append_range({range->offset + skip, size});
    } else {
      out.append_bytes(
          ByteView(std::get<Bytes>(segment))
              .subspan(static_cast<std::size_t>(skip), static_cast<std::size_t>(size)));
    }
    return {};
  };
  for (const auto& segment : outer.segments) {
    if (const auto* range = std::get_if<FileRange>(&segment)) {
      (void)for_each_part(inner, begins, range->offset, range->size, add);
    } else {
      out.append_bytes(std::get<Bytes>(segment));
    }
  }
  return out;
}

Result<bool> is_identity(const Splice& splice, const io::ReadableFile& file) {
  if (splice.size != file.size()) return false;
  std::uint64_t at = 0;
  for (const auto& segment : splice.segments) {
    if (const auto* range = std::get_if<FileRange>(&segment)) {
      if (range->offset != at) return false;
    } else {
      const auto& own = std::get<Bytes>(segment);
      ONNXPACK_TRY(Bytes there, file.read(at, own.size()));
      if (there != own) return false;
    }
    at += size_of(segment);
  }
  return true;
}

}  // namespace onnxpack::model
