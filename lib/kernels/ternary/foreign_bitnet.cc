// Hugging Face's packing: four rows in a byte, N / 4 rows apart.
#include "onnxpack/kernels/ternary/foreign.h"

namespace onnxpack::kernels::ternary {
namespace {

Status sized(Shape shape, std::size_t bytes, std::size_t trits) {
  if (shape.rows % 4 != 0 || bytes != shape.rows / 4 * shape.columns)
    return std::unexpected(
        Fault{FaultKind::size, shape.rows / 4 * shape.columns, static_cast<std::int64_t>(bytes)});
  if (trits != shape.rows * shape.columns)
    return std::unexpected(
        Fault{FaultKind::size, shape.rows * shape.columns, static_cast<std::int64_t>(trits)});
  return {};
}

}  // namespace

Status unpack_bitnet(Shape shape, std::span<const std::uint8_t> bytes,
                     std::span<std::int8_t> trits) {
  if (auto status = sized(shape, bytes.size(), trits.size()); !status) return status;
  for (std::size_t b = 0; b < bytes.size(); ++b) {
    if ((bytes[b] & (bytes[b] >> 1) & 0x55) != 0)
      return std::unexpected(Fault{FaultKind::invalid_code, b, bytes[b]});
    for (std::size_t i = 0; i < 4; ++i)
      trits[i * bytes.size() + b] = static_cast<std::int8_t>(((bytes[b] >> (2 * i)) & 3) - 1);
  }
  return {};
}

Status pack_bitnet(Shape shape, std::span<const std::int8_t> trits, std::span<std::uint8_t> bytes) {
  if (auto status = sized(shape, bytes.size(), trits.size()); !status) return status;
  for (std::size_t i = 0; i < trits.size(); ++i)
    if (trits[i] < -1 || trits[i] > 1)
      return std::unexpected(Fault{FaultKind::not_ternary, i, trits[i]});
  for (std::size_t b = 0; b < bytes.size(); ++b) {
    unsigned byte = 0;
    for (std::size_t i = 0; i < 4; ++i)
      byte |= static_cast<unsigned>(trits[i * bytes.size() + b] + 1) << (2 * i);
    bytes[b] = static_cast<std::uint8_t>(byte);
  }
  return {};
}

std::optional<float> bitnet_scale(float weight_scale, BitnetScale convention) {
  if (convention == BitnetScale::multiply) return weight_scale;
  const float scale = 1.0F / weight_scale;
  if (1.0F / scale != weight_scale) return std::nullopt;
  return scale;
}

}  // namespace onnxpack::kernels::ternary
