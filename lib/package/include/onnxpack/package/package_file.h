// An opened package: container, layout and manifest, checked against each other. Opening reads the
// tail of the file only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/archive/reader.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/extents/extent_map.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/segment.h"
#include "onnxpack/manifest/manifest.h"

namespace onnxpack::package {

inline constexpr std::string_view manifest_name = "manifest.json";
inline constexpr std::string_view layout_name = "layout.json";

class PackageFile {
 public:
  // Errors: as ArchiveReader::open and manifest::parse; corrupt when layout, manifest and container
  // name different members or sizes. Cost: one or two reads at the end of the file.
  static Result<PackageFile> open(io::FileSystem& files, const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const manifest::Manifest& manifest() const { return manifest_; }
  const manifest::Layout& layout() const { return layout_; }
  const archive::ArchiveReader& archive() const { return archive_; }
  std::string_view manifest_text() const { return manifest_text_; }
  // SHA-256 of manifest.json, lower-case hex. The same in every slim package.
  const std::string& id() const { return id_; }
  std::uint64_t file_size() const { return file_->size(); }

  // True when this file holds the member's bytes, stored or as extents.
  bool holds(std::string_view member) const;
  // How this file holds it. Nothing when it does not, or knows no such member.
  const manifest::LayoutMember* held(std::string_view member) const;
  // The member's bytes as a file. Errors: not_found (dropped by `select`, says so), corrupt.
  Result<std::shared_ptr<const io::ReadableFile>> open_member(std::string_view member) const;
  // The member as ranges of files: one of archive().file() for a stored member, several for one
  // that is held as extents. The local headers of all members that they lie in are checked. Errors:
  // as open_member.
  struct Content {
    std::vector<io::FileRange> ranges;
    std::vector<std::shared_ptr<const io::ReadableFile>> files;  // that the ranges borrow
  };
  Result<Content> content(std::string_view member) const;
  // A stored member's place in the container, for copying. Errors: as open_member; not_found also
  // for members that are held as extents.
  Result<const archive::Entry*> entry(std::string_view member) const;
  // The extents of a member that is held so, and where its residual stands in the container.
  // Errors: as extents::parse. Requires: held(member)->storage is extents.
  struct Mapping {
    std::vector<extents::Extent> extents;
    const archive::Entry* map = nullptr;
    std::vector<const archive::Entry*> sources;  // sources[n - 1] is source n
    // Where a byte of a source, or of the residual, stands in the container.
    std::uint64_t place(std::uint32_t source, std::uint64_t offset) const;
  };
  Result<Mapping> mapping(std::string_view member) const;
  // What the member costs in this file: its size when stored, its map and residual when held as
  // extents, nothing when absent.
  std::uint64_t stored_size(std::string_view member) const;
  // A small member, checked against its digest. Errors also: untrusted.
  Result<Bytes> read_member(std::string_view member, std::uint64_t limit) const;

 private:
  PackageFile(std::filesystem::path path, std::shared_ptr<const io::ReadableFile> file,
              archive::ArchiveReader archive)
      : path_(std::move(path)), file_(std::move(file)), archive_(std::move(archive)) {}
  // An extent that is no copy, as a file.
  std::unique_ptr<io::ReadableFile> transformed(const Mapping& mapping,
                                                const extents::Extent& extent) const;

  std::filesystem::path path_;
  std::shared_ptr<const io::ReadableFile> file_;
  archive::ArchiveReader archive_;
  std::string manifest_text_;
  manifest::Manifest manifest_;
  manifest::Layout layout_;
  std::string id_;
};

// True when the file starts like a zip archive: what tells a package from a plain .onnx.
bool looks_like_package(io::FileSystem& files, const std::filesystem::path& path);

}  // namespace onnxpack::package
