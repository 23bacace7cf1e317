// An opened package: container, layout and manifest, checked against each other. Opening reads the
// tail of the file only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "onnxpack/archive/reader.h"
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/io/file.h"
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

  // True when this file holds the member's bytes.
  bool holds(std::string_view member) const;
  // The member's bytes as a file. Errors: not_found (dropped by `select`, says so), corrupt.
  Result<std::shared_ptr<const io::ReadableFile>> open_member(std::string_view member) const;
  // The member's place in the container, for copying. Errors: as open_member.
  Result<const archive::Entry*> entry(std::string_view member) const;
  // A small member, checked against its digest. Errors also: untrusted.
  Result<Bytes> read_member(std::string_view member, std::uint64_t limit) const;

 private:
  PackageFile(std::filesystem::path path, std::shared_ptr<const io::ReadableFile> file,
              archive::ArchiveReader archive)
      : path_(std::move(path)), file_(std::move(file)), archive_(std::move(archive)) {}
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
