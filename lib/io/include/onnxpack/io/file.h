// The disk as an argument: a small file-system interface with a real and an in-memory twin (memory_file_system.h).
// Every path in an error is the one the caller gave.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::io {

namespace fs = std::filesystem;

enum class Overwrite { no, yes };

// Random-access reading. Thread safe: reads carry their own offset.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual std::uint64_t size() const = 0;
  virtual const fs::path& path() const = 0;
  // Fills `out` from `offset`. Errors: corrupt when the file ends first (needed and found sizes named), io.
  virtual Status read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  // The descriptor for copy_file_range and mmap; nothing for files that have none.
  virtual std::optional<int> descriptor() const { return std::nullopt; }

  // The range as a buffer. Errors also: corrupt when it leaves the file.
  Result<Bytes> read(std::uint64_t offset, std::uint64_t size) const;
};

// A file being written; not visible under its name before publish(). Dropped unpublished, it leaves nothing.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Appends. Errors: io (disk full, file-size limit, ...), naming the path that was asked for.
  virtual Status write(ByteView bytes) = 0;
  // Overwrites bytes already written. Thread safe against other write_at calls on other ranges.
  virtual Status write_at(std::uint64_t offset, ByteView bytes) = 0;
  virtual std::uint64_t position() const = 0;
  // Fills `out` from bytes already written: for who must look at a file before it gets its name. Errors: corrupt when that
  // reaches beyond position(), io.
  virtual Status read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  // Appends `size` bytes of `source`: reflink or copy_file_range where the file system has them, else a buffered copy.
  virtual Status append_from(const ReadableFile& source, std::uint64_t offset, std::uint64_t size) = 0;
  // Flushes, syncs file and directory, and gives the file its name in one step. Also removes what killed processes left
  // beside that name. Errors: already_exists (Overwrite::no), io; then the name is as it was, but for Overwrite::yes when the
  // directory cannot be synced: the new file is then there, perhaps not for good.
  virtual Status publish(Overwrite overwrite) = 0;
  // The same without waiting for the disk: for caches and scratch files.
  virtual Status publish_unsynced(Overwrite overwrite) = 0;
};

enum class EntryType { file, directory, symlink, other };
struct Entry {
  EntryType type = EntryType::other;
  std::uint64_t size = 0;
};

// Thread safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Errors: not_found, io ("is a directory", permissions).
  virtual Result<std::unique_ptr<ReadableFile>> open(const fs::path& path) = 0;
  // Starts a file that will appear at `path`. Errors: not_found (no such folder), io.
  virtual Result<std::unique_ptr<WritableFile>> create(const fs::path& path) = 0;
  // Starts a file that will appear at root/name; makes the folders between, mode 0755. Whatever stands below `root`
  // meanwhile, no link below it is followed and nothing outside of it is touched. Errors: corrupt (a name that safe_path.h
  // refuses), io (a link or a file where the name needs a folder, ...).
  virtual Result<std::unique_ptr<WritableFile>> create_beneath(const fs::path& root, std::string_view name);
  // Does not follow a final symlink. Errors: not_found, io.
  virtual Result<Entry> status(const fs::path& path) = 0;
  virtual Status make_directories(const fs::path& path) = 0;
  // Names in byte order. Errors: not_found, io.
  virtual Result<std::vector<std::string>> list(const fs::path& directory) = 0;
  virtual Status remove_all(const fs::path& path) = 0;
  // Renames within one file system. Errors: already_exists when `to` exists and is no empty directory.
  virtual Status rename(const fs::path& from, const fs::path& to) = 0;
  // The same for a folder that is to stay: syncs all that it holds, gives it the mode of the empty folder that it replaces,
  // else 0755, renames, syncs the folder above. Errors: as rename; io.
  virtual Status publish_directory(const fs::path& from, const fs::path& to) { return rename(from, to); }
  // True when both names lead to one file, by whatever links. False when either does not exist.
  virtual bool same_file(const fs::path& /*a*/, const fs::path& /*b*/) { return false; }
  // Removes the folders of make_temporary_directory(parent, prefix) whose process is gone. Best effort.
  virtual void remove_abandoned(const fs::path& /*parent*/, std::string_view /*prefix*/) {}
  // A new empty folder beside or below `parent`, name starting with `prefix`. The caller removes it.
  virtual Result<fs::path> make_temporary_directory(const fs::path& parent, std::string_view prefix) = 0;

  bool exists(const fs::path& path) { return status(path).has_value(); }
  // Whole small files. Errors: as open; unsupported when larger than `limit`.
  Result<std::string> read_text(const fs::path& path, std::uint64_t limit);
  Status write_text(const fs::path& path, std::string_view text, Overwrite overwrite);
};

// The operating system's. Never destroyed.
FileSystem& real_file_system();

// A folder that is removed with all its content when this goes out of scope, unless it was moved into place.
class TemporaryDirectory {
 public:
  // Under the system's temporary folder, or beside `near` when given (so that a rename into place stays on one file system).
  static Result<TemporaryDirectory> create(FileSystem& file_system, std::string_view prefix,
                                           std::optional<fs::path> near = std::nullopt);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  ~TemporaryDirectory();

  const fs::path& path() const { return path_; }
  // FileSystem::publish_directory to `to` (which must not exist, or be an empty folder); lets go of the folder.
  Status publish(const fs::path& to) &&;
  // Keeps the folder, for a log that a report points at.
  fs::path release() &&;

 private:
  TemporaryDirectory(FileSystem& file_system, fs::path path) : file_system_(&file_system), path_(std::move(path)) {}
  FileSystem* file_system_;
  fs::path path_;
};

// Reads a range of a file in pieces of at most `piece` bytes and hands each to `use(ByteView) -> Status`. Memory: one piece,
// which fits in a core's cache by default.
template <typename Use>
Status for_each_piece(const ReadableFile& file, std::uint64_t offset, std::uint64_t size, Use&& use,
                      std::size_t piece = std::size_t{256} << 10) {
  Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, piece)));
  while (size > 0) {
    auto now = std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size())));
    ONNXPACK_CHECK(file.read_at(offset, now));
    ONNXPACK_CHECK(use(ByteView(now)));
    offset += now.size();
    size -= now.size();
  }
  return {};
}

}  // namespace onnxpack::io
