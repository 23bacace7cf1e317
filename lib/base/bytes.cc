#include "onnxpack/base/bytes.h"

#include <bit>

#include <fmt/format.h>

namespace onnxpack {

static_assert(std::endian::native == std::endian::little,
              "file formats here are little endian; a big-endian host needs byte swaps in read_le and append_le");

Result<ByteView> ByteReader::take(std::size_t size) {
  if (size > remaining()) {
    return fail(ErrorKind::corrupt,
                fmt::format("truncated: need {} bytes at offset {}, have {}", size, position_, remaining()));
  }
  auto out = bytes_.subspan(position_, size);
  position_ += size;
  return out;
}

Status ByteReader::skip(std::size_t size) {
  ONNXPACK_CHECK(take(size));
  return {};
}

}  // namespace onnxpack
