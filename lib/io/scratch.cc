#include "onnxpack/io/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace onnxpack::io {
namespace {

constexpr const char* lock_name = ".lock";

// The lock of a folder, taken; -1 when somebody holds it or it is not there.
int take_lock(const std::filesystem::path& folder, int flags) {
  int lock = -1;
  do {
    lock = ::open((folder / lock_name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  } while (lock < 0 && errno == EINTR);
  if (lock < 0) return -1;
  int taken = 0;
  do {
    taken = ::flock(lock, LOCK_EX | LOCK_NB);
  } while (taken != 0 && errno == EINTR);
  if (taken == 0) return lock;
  ::close(lock);
  return -1;
}

// Another user's folder cannot be opened for writing, and so is left alone.
void sweep(const std::filesystem::path& parent, std::string_view prefix) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(parent, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->path().filename().string().starts_with(prefix)) continue;
    std::error_code gone;
    if (it->is_symlink(gone) || !it->is_directory(gone)) continue;
    int lock = take_lock(it->path(), 0);
    if (lock < 0) continue;
    std::filesystem::remove_all(it->path(), gone);
    ::close(lock);
  }
}

}  // namespace

Result<ScratchDirectory> ScratchDirectory::create(std::string_view prefix) {
  // Between making the lock and taking it a folder looks abandoned; whoever believed that removes
  // it, and the next one is made.
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    ONNXPACK_TRY(auto directory, TemporaryDirectory::create(real_file_system(), prefix));
    const int lock = take_lock(directory.path(), O_CREAT | O_EXCL);
    if (lock >= 0) {
      sweep(directory.path().parent_path(), prefix);
      return ScratchDirectory(std::move(directory), lock);
    }
    if (attempt == attempts)
      return fail(ErrorKind::io,
                  fmt::format("cannot lock the scratch folder {}", directory.path().string()));
  }
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : directory_(std::move(other.directory_)), lock_(std::exchange(other.lock_, -1)) {}

ScratchDirectory& ScratchDirectory::operator=(ScratchDirectory&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(lock_, other.lock_);
  return *this;
}

ScratchDirectory::~ScratchDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace onnxpack::io
