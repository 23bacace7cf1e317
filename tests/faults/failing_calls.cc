// A library to preload (LD_PRELOAD) that makes the n-th writing call of a program go wrong.
//
//   ONNXPACK_FAULT_CALL=N     which one, from 0
//   ONNXPACK_FAULT_KIND=KIND  eio, enospc: it fails so; eintr: it fails so once; short: it does
//   half of
//                             what was asked; kill: the process dies before it
//   ONNXPACK_FAULT_LOG=FILE   gets one line, the name of the call, when the n-th call came
//
// Calls that a kind cannot befall are not counted: nothing writes half a rename. Standard output
// and error are not counted. Unlinking is only ever killed: nobody can tidy up when that fails.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

enum Class : unsigned {
  data = 1,      // may be short or interrupted
  waiting = 2,   // may be interrupted
  naming = 4,    // may fail
  removing = 8,  // may only be killed
  message = 16   // may be interrupted: a pipe takes what is below PIPE_BUF whole, and has no disk
};

enum class Kind { none, eio, enospc, eintr, brief, kill };

struct Plan {
  Kind kind = Kind::none;
  long call = -1;
};

const Plan& plan() {
  static const Plan made = [] {
    Plan out;
    const char* kind = std::getenv("ONNXPACK_FAULT_KIND");
    const char* call = std::getenv("ONNXPACK_FAULT_CALL");
    if (kind == nullptr || call == nullptr) return out;
    out.call = std::atol(call);
    const char* names[] = {"eio", "enospc", "eintr", "short", "kill"};
    const Kind kinds[] = {Kind::eio, Kind::enospc, Kind::eintr, Kind::brief, Kind::kill};
    for (int i = 0; i < 5; ++i) {
      if (std::strcmp(kind, names[i]) == 0) out.kind = kinds[i];
    }
    return out;
  }();
  return made;
}

bool befalls(Kind kind, unsigned classes) {
  switch (kind) {
    case Kind::none:
      return false;
    case Kind::brief:
      return (classes & data) != 0;
    case Kind::eintr:
      return (classes & (data | waiting | message)) != 0;
    case Kind::kill:
      return true;
    default:
      return (classes & (data | waiting | naming)) != 0;
  }
}

void log_call(const char* name) {
  const char* path = std::getenv("ONNXPACK_FAULT_LOG");
  if (path == nullptr) return;
  long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  syscall(SYS_write, fd, name, std::strlen(name));
  syscall(SYS_write, fd, "\n", 1);
  syscall(SYS_close, fd);
}

// What to do with this call: nothing, fail with errno set, or do half.
enum class Verdict { pass, fail, half };

Verdict judge(const char* name, unsigned classes) {
  static std::atomic<long> count = 0;
  const Plan& todo = plan();
  if (!befalls(todo.kind, classes) || count++ != todo.call) return Verdict::pass;
  log_call(name);
  switch (todo.kind) {
    case Kind::kill:
      kill(getpid(), SIGKILL);
      pause();
      return Verdict::pass;
    case Kind::brief:
      return Verdict::half;
    case Kind::eintr:
      errno = EINTR;
      return Verdict::fail;
    case Kind::enospc:
      errno = ENOSPC;
      return Verdict::fail;
    default:
      errno = EIO;
      return Verdict::fail;
  }
}

template <typename F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

bool is_file(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

std::size_t half(std::size_t size) {
  return size > 1 ? size / 2 : size;
}

bool creates(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

}  // namespace

// The real one of the same name and type, found once.
#define REAL(name) static const auto real = next<decltype(&::name)>(#name)

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  REAL(write);
  if (fd <= 2) return real(fd, bytes, size);
  Verdict verdict = judge("write", is_file(fd) ? data : message);
  if (verdict == Verdict::fail) return -1;
  return real(fd, bytes, verdict == Verdict::half ? half(size) : size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  REAL(pwrite);
  Verdict verdict = judge("pwrite", data);
  if (verdict == Verdict::fail) return -1;
  return real(fd, bytes, verdict == Verdict::half ? half(size) : size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  REAL(pwrite64);
  Verdict verdict = judge("pwrite", data);
  if (verdict == Verdict::fail) return -1;
  return real(fd, bytes, verdict == Verdict::half ? half(size) : size, offset);
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size,
                        unsigned flags) {
  REAL(copy_file_range);
  Verdict verdict = judge("copy_file_range", data);
  if (verdict == Verdict::fail) return -1;
  return real(from, from_offset, to, to_offset, verdict == Verdict::half ? half(size) : size,
              flags);
}

int fsync(int fd) {
  REAL(fsync);
  return judge("fsync", waiting) == Verdict::fail ? -1 : real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return judge("fdatasync", waiting) == Verdict::fail ? -1 : real(fd);
}

int ftruncate64(int fd, off64_t size) noexcept {
  REAL(ftruncate64);
  return judge("ftruncate", naming) == Verdict::fail ? -1 : real(fd, size);
}

int open64(const char* path, int flags, ...) {
  REAL(open64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (creates(flags) && judge("open", waiting) == Verdict::fail) return -1;
  return real(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (creates(flags) && judge("open", waiting) == Verdict::fail) return -1;
  return real(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  REAL(openat);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (creates(flags) && judge("openat", waiting) == Verdict::fail) return -1;
  return real(folder, path, flags, mode);
}

int openat64(int folder, const char* path, int flags, ...) {
  REAL(openat64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = creates(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (creates(flags) && judge("openat", waiting) == Verdict::fail) return -1;
  return real(folder, path, flags, mode);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  REAL(linkat);
  return judge("linkat", naming) == Verdict::fail ? -1
                                                  : real(from_folder, from, to_folder, to, flags);
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  return judge("rename", naming) == Verdict::fail ? -1 : real(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  REAL(renameat);
  return judge("renameat", naming) == Verdict::fail ? -1 : real(from_folder, from, to_folder, to);
}

int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  return judge("mkdir", naming) == Verdict::fail ? -1 : real(path, mode);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  REAL(mkdirat);
  return judge("mkdirat", naming) == Verdict::fail ? -1 : real(folder, path, mode);
}

char* mkdtemp(char* path) noexcept {
  REAL(mkdtemp);
  return judge("mkdtemp", naming) == Verdict::fail ? nullptr : real(path);
}

int chmod(const char* path, mode_t mode) noexcept {
  REAL(chmod);
  return judge("chmod", naming) == Verdict::fail ? -1 : real(path, mode);
}

int fchmod(int fd, mode_t mode) noexcept {
  REAL(fchmod);
  return judge("fchmod", naming) == Verdict::fail ? -1 : real(fd, mode);
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  judge("unlink", removing);
  return real(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  REAL(unlinkat);
  judge("unlinkat", removing);
  return real(folder, path, flags);
}

}  // extern "C"
