// The disk's twin in memory, for tests: same interface, same errors, and it can be told to fail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onnxpack/io/file.h"

namespace onnxpack::io {

// Paths are compared as normalised text; relative ones live under "/". Holds regular files and
// folders, no links. Thread safe. Files opened before a file of the same name is replaced keep
// their old content, as on a real disk.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<ReadableFile>> open(const fs::path& path) override;
  // The file's bytes are invisible before publish(), and gone when the object is dropped before.
  Result<std::unique_ptr<WritableFile>> create(const fs::path& path) override;
  Result<Entry> status(const fs::path& path) override;
  Status make_directories(const fs::path& path) override;
  Result<std::vector<std::string>> list(const fs::path& directory) override;
  Status remove_all(const fs::path& path) override;
  Status rename(const fs::path& from, const fs::path& to) override;
  bool same_file(const fs::path& a, const fs::path& b) override;
  Result<fs::path> make_temporary_directory(const fs::path& parent,
                                            std::string_view prefix) override;

  // Puts a file (and the folders above it) there at once.
  void put(const fs::path& path, ByteView content);
  // The content of a published file; nothing when there is none.
  std::optional<Bytes> content(const fs::path& path) const;
  // All published files, in byte order.
  std::vector<std::string> files() const;

  // Every call that a real disk could fail, in order, as "open /a", "read /a", "write /b", "sync
  // /b", "publish /b", ...
  std::vector<std::string> calls() const;
  std::uint64_t call_count() const;
  // Makes the n-th call from now on fail with ErrorKind::io, "injected failure"; 0 is the next one.
  void fail_call(std::uint64_t n);
  // Makes every call from the n-th on fail, like a disk that is full or gone.
  void fail_calls_from(std::uint64_t n);
  void fail_no_call();

 private:
  class Disk;
  std::shared_ptr<Disk> disk_;  // files that are open keep it
};

}  // namespace onnxpack::io
