// ONNX's UINT2 (onnx, docs "int2": four consecutive elements of the flattened tensor in a byte,
// first in the lowest bits).
#include "ternary/codec.h"

namespace onnxpack::kernels::ternary {

bool encode_u2(const std::int8_t* trits, std::size_t count, std::uint8_t* out) {
  unsigned bad = 0;
  const std::size_t whole = count / 4;
  for (std::size_t b = 0; b < whole; ++b) {
    unsigned byte = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned code = static_cast<std::uint8_t>(trits[4 * b + i] + 1);
      bad |= code > 2 ? 1U : 0U;
      byte |= (code & 3U) << (2 * i);
    }
    out[b] = static_cast<std::uint8_t>(byte);
  }
  if (count % 4 == 0) return bad == 0;
  unsigned byte = 0;
  for (std::size_t i = 0; i < count % 4; ++i) {
    const unsigned code = static_cast<std::uint8_t>(trits[4 * whole + i] + 1);
    bad |= code > 2 ? 1U : 0U;
    byte |= (code & 3U) << (2 * i);
  }
  out[whole] = static_cast<std::uint8_t>(byte);
  return bad == 0;
}

void decode_u2(const std::uint8_t* bytes, std::size_t first, std::size_t count,
               std::int8_t* trits) {
  std::size_t i = 0;
  for (; i < count && (first + i) % 4 != 0; ++i)
    trits[i] =
        static_cast<std::int8_t>(((bytes[(first + i) / 4] >> (2 * ((first + i) % 4))) & 3) - 1);
  const std::uint8_t* aligned = bytes + (first + i) / 4;
  const std::size_t whole = (count - i) / 4;
  for (std::size_t b = 0; b < whole; ++b)
    for (std::size_t j = 0; j < 4; ++j)
      trits[i + 4 * b + j] = static_cast<std::int8_t>(((aligned[b] >> (2 * j)) & 3) - 1);
  for (i += 4 * whole; i < count; ++i)
    trits[i] =
        static_cast<std::int8_t>(((bytes[(first + i) / 4] >> (2 * ((first + i) % 4))) & 3) - 1);
}

Status check_u2(const Layout& layout, std::span<const std::uint8_t> bytes) {
  const std::size_t elements = layout.shape.rows * layout.shape.columns;
  for (std::size_t b = 0; b < bytes.size(); ++b) {
    // Both bits of a pair set: code 3.
    if ((bytes[b] & (bytes[b] >> 1) & 0x55) != 0)
      return std::unexpected(Fault{FaultKind::invalid_code, b, bytes[b]});
  }
  if (elements % 4 != 0 && (bytes.back() >> (2 * (elements % 4))) != 0)
    return std::unexpected(Fault{FaultKind::padding, bytes.size() - 1, bytes.back()});
  return {};
}

}  // namespace onnxpack::kernels::ternary
