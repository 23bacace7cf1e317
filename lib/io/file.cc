#include "onnxpack/io/file.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"

namespace onnxpack::io {

Result<Bytes> ReadableFile::read(std::uint64_t offset, std::uint64_t size) const {
  // Checked before the buffer is allocated: the size may come from a damaged file.
  if (!range_within(offset, size, this->size())) {
    return fail(ErrorKind::corrupt, fmt::format("{}: {} bytes at offset {} are needed, but the file has {} bytes",
                                                printable(path().string()), size, offset, this->size()));
  }
  Bytes out(static_cast<std::size_t>(size));
  ONNXPACK_CHECK(read_at(offset, out));
  return out;
}

// For file systems without links; the real one does better.
Result<std::unique_ptr<WritableFile>> FileSystem::create_beneath(const fs::path& root, std::string_view name) {
  ONNXPACK_TRY(fs::path path, join_beneath(root, name));
  ONNXPACK_CHECK(make_directories(path.parent_path()));
  return create(path);
}

Result<std::string> FileSystem::read_text(const fs::path& path, std::uint64_t limit) {
  ONNXPACK_TRY(auto file, open(path));
  if (file->size() > limit) {
    return fail(ErrorKind::unsupported, fmt::format("{}: {} is more than the {} that such a file may have",
                                                    printable(path.string()), human_size(file->size()), human_size(limit)));
  }
  std::string out(static_cast<std::size_t>(file->size()), '\0');
  ONNXPACK_CHECK(file->read_at(0, std::as_writable_bytes(std::span(out))));
  return out;
}

Status FileSystem::write_text(const fs::path& path, std::string_view text, Overwrite overwrite) {
  ONNXPACK_TRY(auto file, create(path));
  ONNXPACK_CHECK(file->write(as_bytes(text)));
  return file->publish(overwrite);
}

Result<TemporaryDirectory> TemporaryDirectory::create(FileSystem& file_system, std::string_view prefix,
                                                      std::optional<fs::path> near) {
  fs::path parent;
  if (near) {
    parent = near->parent_path().empty() ? fs::path(".") : near->parent_path();
  } else {
    std::error_code error;
    parent = fs::temp_directory_path(error);
    if (error) return fail(ErrorKind::io, "no temporary folder: TMPDIR names none that exists", "set TMPDIR to a folder with room");
  }
  ONNXPACK_TRY(auto path, file_system.make_temporary_directory(parent, prefix));
  return TemporaryDirectory(file_system, std::move(path));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : file_system_(other.file_system_), path_(std::exchange(other.path_, fs::path())) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(file_system_, other.file_system_);
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  // Nothing sensible can be done about a failure here; what stays is in the temporary folder.
  if (!path_.empty()) static_cast<void>(file_system_->remove_all(path_));
}

Status TemporaryDirectory::publish(const fs::path& to) && {
  ONNXPACK_CHECK(file_system_->publish_directory(path_, to));
  path_.clear();
  return {};
}

fs::path TemporaryDirectory::release() && { return std::exchange(path_, fs::path()); }

}  // namespace onnxpack::io
