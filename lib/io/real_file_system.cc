// The operating system's files. A file being written has no name where the file system can do that (O_TMPFILE), so that even a killed
// process leaves nothing; elsewhere it is a hidden sibling that the destructor removes.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "onnxpack/base/text.h"
#include "onnxpack/io/file.h"

namespace onnxpack::io {
namespace {

constexpr mode_t file_mode = 0644;

std::string why(int error) { return std::generic_category().message(error); }

std::unexpected<Error> os_failure(int error, std::string_view action, const fs::path& path) {
  ErrorKind kind = ErrorKind::io;
  std::string hint;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
  if (error == EEXIST) kind = ErrorKind::already_exists;
  if (error == ENOSPC || error == EDQUOT) hint = "free some space, or write to another disk";
  if (error == EACCES || error == EPERM || error == EROFS) hint = "check the permissions of the folder, or write somewhere else";
  return fail(kind, fmt::format("cannot {} {}: {}", action, printable(path.string()), why(error)), std::move(hint));
}

template <typename Call>
auto retry_interrupted(Call&& call) {
  decltype(call()) out;
  do {
    out = call();
  } while (out == -1 && errno == EINTR);
  return out;
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

Status write_all(int fd, const fs::path& path, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t done =
        retry_interrupted([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (done < 0) return os_failure(errno, "write", path);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

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
      ssize_t got =
          retry_interrupted([&] { return ::pread(fd_.get(), rest.data(), rest.size(), static_cast<off_t>(at)); });
      if (got < 0) return os_failure(errno, "read", path_);
      if (got == 0) {
        return fail(ErrorKind::corrupt, fmt::format("{}: ends at byte {}, but {} bytes at offset {} are needed",
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

std::string temporary_name(const fs::path& path) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format(".{}.onnxpack-{}-{}", path.filename().string(), ::getpid(), counter++);
}

fs::path folder_of(const fs::path& path) {
  fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

class RealWritableFile final : public WritableFile {
 public:
  RealWritableFile(Descriptor fd, fs::path path, fs::path temporary)
      : fd_(std::move(fd)), path_(std::move(path)), temporary_(std::move(temporary)) {}
  ~RealWritableFile() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  RealWritableFile(const RealWritableFile&) = delete;
  RealWritableFile& operator=(const RealWritableFile&) = delete;

  Status write(ByteView bytes) override {
    ONNXPACK_CHECK(write_all(fd_.get(), path_, position_, bytes));
    position_ += bytes.size();
    return {};
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override { return write_all(fd_.get(), path_, offset, bytes); }
  std::uint64_t position() const override { return position_; }

  Status append_from(const ReadableFile& source, std::uint64_t offset, std::uint64_t size) override {
    std::uint64_t left = size;
    if (auto from = source.descriptor()) {
      while (left > 0) {
        auto in_offset = static_cast<off64_t>(offset);
        auto out_offset = static_cast<off64_t>(position_);
        // One GiB a call: the kernel caps it near 2 GiB, and an interrupted call then loses little.
        auto now = static_cast<std::size_t>(std::min<std::uint64_t>(left, std::uint64_t{1} << 30));
        ssize_t done = ::copy_file_range(*from, &in_offset, fd_.get(), &out_offset, now, 0);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == ENOSPC) return os_failure(errno, "write", path_);
        // EXDEV, EINVAL, EOPNOTSUPP: another file system or kernel; and 0 means that the source ended early, which the buffered copy reports.
        if (done <= 0) break;
        offset += static_cast<std::uint64_t>(done);
        position_ += static_cast<std::uint64_t>(done);
        left -= static_cast<std::uint64_t>(done);
      }
    }
    return for_each_piece(source, offset, left, [&](ByteView piece) { return write(piece); });
  }

  Status publish(Overwrite overwrite) override {
    if (retry_interrupted([&] { return ::fsync(fd_.get()); }) != 0) return os_failure(errno, "sync", path_);
    ONNXPACK_CHECK(publish_unsynced(overwrite));
    Descriptor folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems refuse to sync folders (EINVAL); the name is then as durable as they make it.
    if (folder && ::fsync(folder.get()) != 0 && errno != EINVAL) return os_failure(errno, "sync the folder of", path_);
    return {};
  }

  Status publish_unsynced(Overwrite overwrite) override {
    if (temporary_.empty()) {
      // A file without a name can be linked only to a free one; to replace, link beside and rename over.
      fs::path link = overwrite == Overwrite::yes ? path_.parent_path() / temporary_name(path_) : path_;
      std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, link.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        return os_failure(errno, "create", path_);
      }
      if (overwrite == Overwrite::no) return {};
      temporary_ = link;
    }
    if (overwrite == Overwrite::no) {
      // link() and not rename(): it fails when the name has been taken meanwhile.
      if (::link(temporary_.c_str(), path_.c_str()) != 0) return os_failure(errno, "create", path_);
      ::unlink(temporary_.c_str());
    } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      return os_failure(errno, "replace", path_);
    }
    temporary_.clear();
    return {};
  }

 private:
  Descriptor fd_;
  fs::path path_;
  fs::path temporary_;
  std::uint64_t position_ = 0;
};

class RealFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<ReadableFile>> open(const fs::path& path) override {
    Descriptor fd(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    if (!fd) return os_failure(errno, "open", path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return os_failure(errno, "read", path);
    if (S_ISDIR(info.st_mode)) return os_failure(EISDIR, "open", path);
    if (!S_ISREG(info.st_mode)) {
      return fail(ErrorKind::io, fmt::format("cannot open {}: not a regular file", printable(path.string())),
                  "copy it to a file first; pipes and devices cannot be read at random");
    }
    return std::make_unique<RealReadableFile>(std::move(fd), path, static_cast<std::uint64_t>(info.st_size));
  }

  Result<std::unique_ptr<WritableFile>> create(const fs::path& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return os_failure(EISDIR, "create", path);
    // The mode is fixed by fchmod below, so the umask does not decide what a package looks like.
    Descriptor fd(::open(folder_of(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, file_mode));
    fs::path temporary;
    if (!fd) {
      if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return os_failure(errno, "create", path);
      temporary = path.parent_path() / temporary_name(path);
      fd = Descriptor(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode));
      if (!fd) return os_failure(errno, "create", path);
    }
    ::fchmod(fd.get(), file_mode);
    return std::make_unique<RealWritableFile>(std::move(fd), path, std::move(temporary));
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
    if (error) return os_failure(error.value(), "remove", path);
    return {};
  }

  Status rename(const fs::path& from, const fs::path& to) override {
    // renameat2's RENAME_NOREPLACE would refuse an empty folder that the user made for us; rename(2) replaces only that.
    struct stat info {};
    if (::lstat(to.c_str(), &info) == 0 && !S_ISDIR(info.st_mode)) return os_failure(EEXIST, "create", to);
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return os_failure(errno == ENOTEMPTY ? EEXIST : errno, "create", to);
    }
    return {};
  }

  Result<fs::path> make_temporary_directory(const fs::path& parent, std::string_view prefix) override {
    std::string path = (parent / fmt::format("{}XXXXXX", prefix)).string();
    if (::mkdtemp(path.data()) == nullptr) return os_failure(errno, "create a temporary folder in", parent);
    return fs::path(path);
  }
};

}  // namespace

FileSystem& real_file_system() {
  static RealFileSystem file_system;
  return file_system;
}

}  // namespace onnxpack::io
