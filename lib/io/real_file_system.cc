// The operating system's files, read; and the names of files and folders. Writing is
// real_writable_file.cc.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "beneath.h"
#include "descriptor.h"
#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"
#include "onnxpack/io/safe_path.h"
#include "real_writable_file.h"

namespace onnxpack::io {
namespace {

std::string why(int error) {
  return std::generic_category().message(error);
}

}  // namespace

std::unexpected<Error> os_failure(int error, std::string_view action, const fs::path& path) {
  ErrorKind kind = ErrorKind::io;
  std::string hint;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
  if (error == EEXIST) kind = ErrorKind::already_exists;
  if (error == ENOSPC || error == EDQUOT) hint = "free some space, or write to another disk";
  if (error == EACCES || error == EPERM || error == EROFS)
    hint = "check the permissions of the folder, or write somewhere else";
  return fail(kind, fmt::format("cannot {} {}: {}", action, printable(path.string()), why(error)),
              std::move(hint));
}

fs::path folder_of(const fs::path& path) {
  fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

namespace {

class RealReadableFile final : public ReadableFile {
 public:
  RealReadableFile(Descriptor fd, fs::path path, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  std::uint64_t size() const override { return size_; }
  const fs::path& path() const override { return path_; }
  std::optional<int> descriptor() const override { return fd_.get(); }

  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::uint64_t at = offset;
    std::span<std::byte> rest = out;
    while (!rest.empty()) {
      ssize_t got = retry_interrupted(
          [&] { return ::pread(fd_.get(), rest.data(), rest.size(), static_cast<off_t>(at)); });
      if (got < 0) return os_failure(errno, "read", path_);
      if (got == 0) {
        return fail(ErrorKind::corrupt,
                    fmt::format("{}: ends at byte {}, but {} bytes at offset {} are needed",
                                printable(path_.string()), at, out.size(), offset));
      }
      at += static_cast<std::uint64_t>(got);
      rest = rest.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

 private:
  Descriptor fd_;
  fs::path path_;
  std::uint64_t size_;
};

// Files and folders below `folder`, each synced, folders after what they hold.
Status sync_tree(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->symlink_status().type() == fs::file_type::directory) {
      ONNXPACK_CHECK(sync_tree(it->path()));
      continue;
    }
    Descriptor file(::open(it->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file || retry_interrupted([&] { return ::fsync(file.get()); }) != 0)
      return os_failure(errno, "sync", it->path());
  }
  if (error) return os_failure(error.value(), "list", folder);
  Descriptor self(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!self) return os_failure(errno, "sync", folder);
  return sync_folder(self.get(), folder);
}

// The six characters that mkdtemp puts in the place of the X's.
bool is_temporary(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && name.size() == prefix.size() + 6;
}

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<ReadableFile>> open(const fs::path& path) override {
    Descriptor fd(
        retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    if (!fd) return os_failure(errno, "open", path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return os_failure(errno, "read", path);
    if (S_ISDIR(info.st_mode)) return os_failure(EISDIR, "open", path);
    if (!S_ISREG(info.st_mode)) {
      return fail(ErrorKind::io,
                  fmt::format("cannot open {}: not a regular file", printable(path.string())),
                  "copy it to a file first; pipes and devices cannot be read at random");
    }
    return std::make_unique<RealReadableFile>(std::move(fd), path,
                                              static_cast<std::uint64_t>(info.st_size));
  }

  Result<std::unique_ptr<WritableFile>> create(const fs::path& path) override {
    Descriptor folder(retry_interrupted(
        [&] { return ::open(folder_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (!folder) return os_failure(errno, "create", path);
    // A name like "out/" has no last component; the folder's own stands for it, and is a folder.
    std::string name = path.has_filename() ? path.filename().string() : ".";
    return start_file(std::move(folder), std::move(name), path);
  }

  Result<std::unique_ptr<WritableFile>> create_beneath(const fs::path& root,
                                                       std::string_view name) override {
    ONNXPACK_TRY(fs::path path, join_beneath(root, name));
    auto slash = name.rfind('/');
    ONNXPACK_TRY(
        auto folder,
        open_folder_beneath(root, slash == name.npos ? std::string_view() : name.substr(0, slash)));
    return start_file(std::move(folder), path.filename().string(), path);
  }

  Result<Entry> status(const fs::path& path) override {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return os_failure(errno, "read", path);
    Entry out;
    if (S_ISREG(info.st_mode)) out.type = EntryType::file;
    if (S_ISDIR(info.st_mode)) out.type = EntryType::directory;
    if (S_ISLNK(info.st_mode)) out.type = EntryType::symlink;
    out.size = static_cast<std::uint64_t>(info.st_size);
    return out;
  }

  Status make_directories(const fs::path& path) override {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return os_failure(error.value(), "create the folder", path);
    return {};
  }

  Result<std::vector<std::string>> list(const fs::path& directory) override {
    std::error_code error;
    fs::directory_iterator it(directory, error);
    if (error) return os_failure(error.value(), "list", directory);
    std::vector<std::string> out;
    while (it != fs::directory_iterator()) {
      out.push_back(it->path().filename().string());
      it.increment(error);
      if (error) return os_failure(error.value(), "list", directory);
    }
    std::ranges::sort(out);
    return out;
  }

  Status remove_all(const fs::path& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    unlock(path);
    if (error) return os_failure(error.value(), "remove", path);
    return {};
  }

  Status rename(const fs::path& from, const fs::path& to) override {
    // renameat2's RENAME_NOREPLACE would refuse an empty folder that the user made for us;
    // rename(2) replaces only that.
    struct stat info {};
    if (::lstat(to.c_str(), &info) == 0 && !S_ISDIR(info.st_mode))
      return os_failure(EEXIST, "create", to);
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return os_failure(errno == ENOTEMPTY ? EEXIST : errno, "create", to);
    }
    unlock(from);
    return {};
  }

  Status publish_directory(const fs::path& from, const fs::path& to) override {
    ONNXPACK_CHECK(sync_tree(from));
    struct stat replaced {};
    bool there = ::lstat(to.c_str(), &replaced) == 0;
    mode_t mode = there ? replaced.st_mode & 07777U : 0755U;
    if (::chmod(from.c_str(), mode) != 0) return os_failure(errno, "create", to);
    ONNXPACK_CHECK(rename(from, to));
    Descriptor above(::open(folder_of(to).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return above ? sync_folder(above.get(), to) : Status();
  }

  bool same_file(const fs::path& a, const fs::path& b) override {
    struct stat one {};
    struct stat other {};
    return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
  }

  void remove_abandoned(const fs::path& parent, std::string_view prefix) override {
    auto names = list(parent);
    if (!names) return;
    for (const std::string& name : *names) {
      if (!is_temporary(name, prefix)) continue;
      Descriptor folder(
          ::open((parent / name).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0)
        static_cast<void>(remove_all(parent / name));
    }
  }

  Result<fs::path> make_temporary_directory(const fs::path& parent,
                                            std::string_view prefix) override {
    std::string path = (parent / fmt::format("{}XXXXXX", prefix)).string();
    if (::mkdtemp(path.data()) == nullptr)
      return os_failure(errno, "create a temporary folder in", parent);
    // Held until the folder is moved or removed, or this process ends, however it does: who finds
    // the lock free may remove the folder. A process number in the name would mean nothing across
    // containers.
    Descriptor lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      std::scoped_lock guard(mutex_);
      locks_[path] = std::move(lock);
    }
    return fs::path(path);
  }

 private:
  void unlock(const fs::path& path) {
    std::scoped_lock guard(mutex_);
    locks_.erase(path.string());
  }

  std::mutex mutex_;
  std::map<std::string, Descriptor> locks_;  // of temporary folders that this process made
};

}  // namespace

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

}  // namespace onnxpack::io
