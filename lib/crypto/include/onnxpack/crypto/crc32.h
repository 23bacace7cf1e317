// CRC-32 as zip has it (polynomial 0xEDB88320 reflected): a check against accidents, never against
// people.
#pragma once

#include <cstdint>

#include "onnxpack/base/bytes.h"

namespace onnxpack::crypto {

// Of `bytes`, or of what came before (`seed`, its CRC) followed by `bytes`. Tens of GB/s where the
// CPU multiplies without carries.
std::uint32_t crc32(ByteView bytes, std::uint32_t seed = 0);

}  // namespace onnxpack::crypto
