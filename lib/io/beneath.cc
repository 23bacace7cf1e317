// One component at a time, each looked up in the folder opened before it: a folder that is renamed
// or replaced by a link between two steps is not followed. openat2 has the kernel itself promise
// that; O_NOFOLLOW on single components is as strict, for kernels before 5.6 and sandboxes that
// refuse the call. A mount below the root is its owner's wish and is entered.
#include "beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <string>

#include <fmt/format.h>

#include "onnxpack/base/text.h"

namespace onnxpack::io {
namespace {

int open_component(int folder, const char* name, int flags) {
  flags |= O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  open_how how{};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed while the kernel looked.
  for (int attempt = 0; attempt < 8; ++attempt) {
    long fd = ::syscall(SYS_openat2, folder, name, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EAGAIN || errno == EINTR) continue;
    if (errno != ENOSYS && errno != EPERM) return -1;
    break;
  }
  return static_cast<int>(retry_interrupted([&] { return ::openat(folder, name, flags); }));
}

std::unexpected<Error> no_folder(int error, const fs::path& root, std::string_view name) {
  if (error != ELOOP && error != ENOTDIR && error != EXDEV)
    return os_failure(error, "create the folder", root / name);
  return fail(ErrorKind::io,
              fmt::format("cannot write below {}: {} is a link or a file there, not a folder",
                          printable(root.string()), printable(name)),
              "links below the output are not followed; remove it, or choose another output");
}

}  // namespace

Result<Descriptor> open_folder_beneath(const fs::path& root, std::string_view name) {
  Descriptor folder(
      retry_interrupted([&] { return ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (!folder) return os_failure(errno, "open the folder", root);
  for (std::size_t begin = 0; begin < name.size();) {
    std::size_t end = std::min(name.find('/', begin), name.size());
    std::string component(name.substr(begin, end - begin));
    bool made = ::mkdirat(folder.get(), component.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return no_folder(errno, root, name.substr(0, end));
    Descriptor next(open_component(folder.get(), component.c_str(), made ? O_RDONLY : O_PATH));
    if (!next) return no_folder(errno, root, name.substr(0, end));
    // The umask does not decide what an extracted folder looks like.
    if (made) ::fchmod(next.get(), 0755);
    folder = std::move(next);
    begin = end + 1;
  }
  return folder;
}

}  // namespace onnxpack::io
