#include "mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace onnxpack::ort_backend {
namespace {

std::unexpected<Error> system_error(const std::filesystem::path& path) {
  const auto kind = errno == ENOENT ? ErrorKind::not_found : ErrorKind::io;
  return fail(kind, fmt::format("{}: {}", path.string(), std::generic_category().message(errno)));
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error(path);
  struct stat facts {};
  void* memory = nullptr;
  const bool known = ::fstat(descriptor, &facts) == 0;
  const auto size = static_cast<std::size_t>(known ? facts.st_size : 0);
  if (size > 0) memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  auto error = system_error(path);
  ::close(descriptor);
  if (!known || memory == MAP_FAILED) return error;
  return MappedFile({static_cast<const std::byte*>(memory), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace onnxpack::ort_backend
