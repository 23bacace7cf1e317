// Five consecutive columns in a byte: what the ONNX working group's minutes and ONNX Runtime's
// WebGPU BitLinear describe.
#include <algorithm>

#include "ternary/codec.h"

namespace onnxpack::kernels::ternary {

bool encode_row_t5k(const Layout& layout, const std::int8_t* trits, std::uint8_t* out) {
  const std::size_t columns = layout.shape.columns;
  unsigned bad = 0;
  for (std::size_t j = 0; j < layout.stride; ++j) {
    unsigned byte = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t k = 5 * j + i;
      const unsigned code = k < columns ? static_cast<std::uint8_t>(trits[k] + 1) : 1U;
      bad |= code > 2 ? 1U : 0U;
      byte += code * static_cast<unsigned>(power_of_3[i]);
    }
    out[j] = static_cast<std::uint8_t>(byte);
  }
  return bad == 0;
}

void decode_row_t5k(const Layout& layout, const std::uint8_t* bytes, std::int8_t* trits) {
  const std::size_t columns = layout.shape.columns;
  for (std::size_t j = 0; j < layout.stride; ++j) {
    unsigned rest = bytes[j];
    const std::size_t end = std::min<std::size_t>(5, columns - 5 * j);
    for (std::size_t i = 0; i < end; ++i) {
      trits[5 * j + i] = static_cast<std::int8_t>(static_cast<int>(rest % 3) - 1);
      rest /= 3;
    }
  }
}

Status check_row_t5k(const Layout& layout, const std::uint8_t* bytes, std::size_t offset) {
  for (std::size_t j = 0; j < layout.stride; ++j)
    if (bytes[j] >= t5_codes)
      return std::unexpected(Fault{FaultKind::invalid_code, offset + j, bytes[j]});
  const std::size_t used = layout.shape.columns % 5;
  if (used == 0) return {};
  unsigned missing = 0;
  for (std::size_t i = used; i < 5; ++i) missing += static_cast<unsigned>(power_of_3[i]);
  const unsigned unit = static_cast<unsigned>(power_of_3[used]);
  const std::uint8_t last = bytes[layout.stride - 1];
  if (last / unit != missing / unit)
    return std::unexpected(Fault{FaultKind::padding, offset + layout.stride - 1, last});
  return {};
}

}  // namespace onnxpack::kernels::ternary
