// A file being written has no name where the file system can do that (O_TMPFILE), so that even a
// killed process leaves nothing. Elsewhere, and for the moment in which a file replaces another, it
// is a hidden sibling ".NAME.onnxpack-PID-N" that its process holds locked: the destructor removes
// it, and after a kill the next process that publishes the same name does.
#include "real_writable_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"

namespace onnxpack::io {
namespace {

constexpr mode_t file_mode = 0644;

std::string sibling_prefix(const std::string& name) {
  return fmt::format(".{}.onnxpack-", name);
}

std::string sibling_name(const std::string& name) {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}{}-{}", sibling_prefix(name), ::getpid(), counter++);
}

// True for what sibling_name() makes of this name, and for nothing that a person would call a file.
bool is_sibling(std::string_view entry, std::string_view prefix) {
  if (!entry.starts_with(prefix)) return false;
  auto numbers = split(entry.substr(prefix.size()), '-');
  return numbers.size() == 2 && std::ranges::all_of(numbers, [](const auto& number) {
           return !number.empty() &&
                  std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
         });
}

std::vector<std::string> siblings(int folder, const std::string& name) {
  std::vector<std::string> out;
  int listing = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = listing < 0 ? nullptr : ::fdopendir(listing);
  if (entries == nullptr) {
    if (listing >= 0) ::close(listing);
    return out;
  }
  std::string prefix = sibling_prefix(name);
  while (const dirent* entry = ::readdir(entries)) {
    if (is_sibling(entry->d_name, prefix)) out.emplace_back(entry->d_name);
  }
  ::closedir(entries);
  return out;
}

// What killed processes left: nobody holds its lock.
void remove_abandoned_siblings(int folder, const std::string& name) {
  for (const std::string& sibling : siblings(folder, name)) {
    Descriptor fd(
        ::openat(folder, sibling.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(folder, sibling.c_str(), 0);
  }
}

// A call's size decides the size of the page cache's folios, and large ones are slow to get in a
// virtual machine whose host takes free memory back: 2 GiB in calls of 4 MiB took 2.2 s to 4.6 s
// where calls of 64 KiB took 0.75 s (Linux 6.18, ext4).
constexpr std::size_t largest_write = std::size_t{64} << 10;

Status write_all(int fd, const fs::path& path, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    // Up to where a folio ends, so that none is filled in two calls.
    const std::size_t now = std::min<std::size_t>(bytes.size(), largest_write - offset % largest_write);
    ssize_t done = retry_interrupted(
        [&] { return ::pwrite(fd, bytes.data(), now, static_cast<off_t>(offset)); });
    if (done < 0) return os_failure(errno, "write", path);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

class RealWritableFile final : public WritableFile {
 public:
  RealWritableFile(Descriptor fd, Descriptor folder, std::string name, fs::path path,
                   std::string temporary)
      : fd_(std::move(fd)),
        folder_(std::move(folder)),
        name_(std::move(name)),
        path_(std::move(path)),
        temporary_(std::move(temporary)) {}
  ~RealWritableFile() override {
    if (!temporary_.empty()) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
  }
  RealWritableFile(const RealWritableFile&) = delete;
  RealWritableFile& operator=(const RealWritableFile&) = delete;

  Status write(ByteView bytes) override {
    ONNXPACK_CHECK(write_all(fd_.get(), path_, position_, bytes));
    position_ += bytes.size();
    start_write_back();
    return {};
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override {
    return write_all(fd_.get(), path_, offset, bytes);
  }
  std::uint64_t position() const override { return position_; }

  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!range_within(offset, out.size(), position_)) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}: {} bytes at offset {} are needed, {} are written",
                              printable(path_.string()), out.size(), offset, position_));
    }
    while (!out.empty()) {
      ssize_t got = retry_interrupted(
          [&] { return ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset)); });
      if (got <= 0) return os_failure(got < 0 ? errno : EIO, "read", path_);
      offset += static_cast<std::uint64_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

  Status append_from(const ReadableFile& source, std::uint64_t offset,
                     std::uint64_t size) override {
    std::uint64_t left = size;
    // Nothing can be shared where the two do not stand alike in their blocks, and the kernel, which
    // copies page by page, then writes every page in two halves: a buffer of ours costs less.
    constexpr std::uint64_t page = 4096;
    const bool alike = offset % page == position_ % page;
    if (auto from = alike ? source.descriptor() : std::nullopt) {
      while (left > 0) {
        auto in_offset = static_cast<off64_t>(offset);
        auto out_offset = static_cast<off64_t>(position_);
        auto now = static_cast<std::size_t>(std::min(left, write_back_grain));
        ssize_t done = ::copy_file_range(*from, &in_offset, fd_.get(), &out_offset, now, 0);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
          return os_failure(errno, "write", path_);
        // EXDEV, EINVAL, EOPNOTSUPP: another file system or kernel; and 0 means that the source
        // ended early, which the buffered copy reports.
        if (done <= 0) break;
        offset += static_cast<std::uint64_t>(done);
        position_ += static_cast<std::uint64_t>(done);
        left -= static_cast<std::uint64_t>(done);
        start_write_back();
      }
    }
    return for_each_piece(source, offset, left, [&](ByteView piece) { return write(piece); });
  }

  Status publish(Overwrite overwrite) override {
    if (retry_interrupted([&] { return ::fsync(fd_.get()); }) != 0)
      return os_failure(errno, "sync", path_);
    ONNXPACK_CHECK(publish_unsynced(overwrite));
    if (auto synced = sync_folder(folder_.get(), path_); !synced) {
      // A name that was free can be taken back; a file that was replaced cannot.
      if (overwrite == Overwrite::no) ::unlinkat(folder_.get(), name_.c_str(), 0);
      return synced;
    }
    remove_abandoned_siblings(folder_.get(), name_);
    return {};
  }

  Status publish_unsynced(Overwrite overwrite) override {
    if (temporary_.empty()) {
      // A file without a name can be linked only to a free one; to replace, link beside and rename
      // over.
      std::string link = overwrite == Overwrite::yes ? sibling_name(name_) : name_;
      // Locked before others can see it, or they would take it for abandoned. Where locks are not
      // to be had, they cannot take it either.
      if (overwrite == Overwrite::yes) ::flock(fd_.get(), LOCK_EX | LOCK_NB);
      std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
      if (retry_interrupted([&] {
            return ::linkat(AT_FDCWD, self.c_str(), folder_.get(), link.c_str(), AT_SYMLINK_FOLLOW);
          }) != 0) {
        return os_failure(errno, "create", path_);
      }
      if (overwrite == Overwrite::no) return {};
      temporary_ = link;
    }
    int folder = folder_.get();
    if (overwrite == Overwrite::no) {
      // linkat() and not renameat(): it fails when the name has been taken meanwhile.
      if (::linkat(folder, temporary_.c_str(), folder, name_.c_str(), 0) != 0)
        return os_failure(errno, "create", path_);
      ::unlinkat(folder, temporary_.c_str(), 0);
    } else if (retry_interrupted([&] {
                 return ::renameat(folder, temporary_.c_str(), folder, name_.c_str());
               }) != 0) {
      return os_failure(errno, "replace", path_);
    }
    temporary_.clear();
    return {};
  }

 private:
  // The disk works while the rest is made, instead of all at once in publish(); and a file larger
  // than the kernel's limit of dirty pages is not held up by it. 2 GiB on a fast disk: 0.6 s with
  // the final sync where it was 1.1 s to 5 s. Advice: what the disk refuses, fsync() reports.
  void start_write_back() {
    if (position_ - writing_back_ < write_back_grain) return;
    ::sync_file_range(fd_.get(), static_cast<off64_t>(writing_back_),
                      static_cast<off64_t>(position_ - writing_back_), SYNC_FILE_RANGE_WRITE);
    writing_back_ = position_;
  }

  static constexpr std::uint64_t write_back_grain = std::uint64_t{32} << 20;

  Descriptor fd_;
  Descriptor folder_;
  std::string name_;
  fs::path path_;
  std::string temporary_;
  std::uint64_t position_ = 0;
  std::uint64_t writing_back_ = 0;  // everything before it is on its way to the disk
};

// A sibling under its own name and lock, for file systems without O_TMPFILE.
Result<Descriptor> open_sibling(int folder, const std::string& temporary, const fs::path& path) {
  while (true) {
    Descriptor fd(retry_interrupted([&] {
      return ::openat(folder, temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
    }));
    if (!fd) return os_failure(errno, "create", path);
    // Between open and lock it looked abandoned; whoever believed that has unlinked it.
    ::flock(fd.get(), LOCK_EX);
    struct stat info {};
    if (::fstat(fd.get(), &info) == 0 && info.st_nlink > 0) return fd;
  }
}

}  // namespace

Status sync_folder(int folder, const fs::path& path) {
  // The given descriptor may be one for looking up names only (O_PATH). A folder that may be
  // written but not read cannot be synced.
  Descriptor open(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!open) return {};
  if (retry_interrupted([&] { return ::fsync(open.get()); }) != 0 && errno != EINVAL)
    return os_failure(errno, "sync the folder of", path);
  return {};
}

Result<std::unique_ptr<WritableFile>> start_file(Descriptor folder, std::string name,
                                                 fs::path path) {
  struct stat info {};
  if (::fstatat(folder.get(), name.c_str(), &info, 0) == 0 && S_ISDIR(info.st_mode))
    return os_failure(EISDIR, "create", path);
  Descriptor fd(retry_interrupted(
      [&] { return ::openat(folder.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, file_mode); }));
  std::string temporary;
  if (!fd) {
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
      return os_failure(errno, "create", path);
    temporary = sibling_name(name);
    ONNXPACK_TRY(fd, open_sibling(folder.get(), temporary, path));
  }
  // The umask does not decide what a package looks like.
  ::fchmod(fd.get(), file_mode);
  return std::make_unique<RealWritableFile>(std::move(fd), std::move(folder), std::move(name),
                                            std::move(path), std::move(temporary));
}

}  // namespace onnxpack::io
