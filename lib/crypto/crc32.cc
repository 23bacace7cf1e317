#include "onnxpack/crypto/crc32.h"

#include <libdeflate.h>

namespace onnxpack::crypto {

std::uint32_t crc32(ByteView bytes, std::uint32_t seed) {
  // libdeflate answers a null pointer with the initial value, whatever the seed.
  if (bytes.empty()) return seed;
  return libdeflate_crc32(seed, bytes.data(), bytes.size());
}

}  // namespace onnxpack::crypto
