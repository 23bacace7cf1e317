// What the files of this folder that call the operating system share: descriptors that close
// themselves, calls that survive signals, errors with the path that the caller gave.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "onnxpack/io/file.h"

namespace onnxpack::io {

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

template <typename Call>
auto retry_interrupted(Call&& call) {
  decltype(call()) out;
  do {
    out = call();
  } while (out == -1 && errno == EINTR);
  return out;
}

// "cannot write p.onnxpkg: No space left on device", with the kind that the number stands for.
std::unexpected<Error> os_failure(int error, std::string_view action, const fs::path& path);

// The folder that a relative or absolute path's last component stands in.
fs::path folder_of(const fs::path& path);

}  // namespace onnxpack::io
