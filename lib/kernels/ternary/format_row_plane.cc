// The row-plane forms: t5r and u2r. All loops run over k with the rows inside, so that the compiler
// makes vectors of them.
#include <algorithm>
#include <cstring>

#include "ternary/codec.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t tile = 512;  // columns decoded at a time; fits the stack and L1

unsigned weight_of(Format format, std::size_t row) {
  return format == Format::t5r ? static_cast<unsigned>(power_of_3[row]) : 1U << (2 * row);
}

std::uint8_t zero_of(Format format) {
  return format == Format::t5r ? t5_zero : u2_zero;
}

// Codes of digit `row`. 256 / 3^row by a multiplication: 171 / 512 is exact for /3 up to 255, so /3
// is applied `row` times.
void digits(Format format, const std::uint8_t* bytes, std::size_t count, std::size_t row,
            std::int8_t* trits) {
  if (format == Format::u2r) {
    for (std::size_t k = 0; k < count; ++k)
      trits[k] = static_cast<std::int8_t>(((bytes[k] >> (2 * row)) & 3) - 1);
    return;
  }
  // floor(b / 3^row) for b <= 255, as a multiplication and a shift by 16.
  constexpr unsigned inverse[5] = {65536, 21846, 7282, 2428, 810};
  const unsigned multiplier = inverse[row];
  for (std::size_t k = 0; k < count; ++k) {
    const unsigned quotient = (bytes[k] * multiplier) >> 16;
    const unsigned third = (quotient * 171U) >> 9;
    trits[k] = static_cast<std::int8_t>(static_cast<int>(quotient - 3 * third) - 1);
  }
}

}  // namespace

bool encode_group(const Layout& layout, const std::int8_t* trits, std::size_t rows,
                  std::uint8_t* out) {
  const std::size_t columns = layout.shape.columns;
  unsigned missing = 0;
  for (std::size_t r = rows; r < rows_in_byte(layout.format); ++r)
    missing += weight_of(layout.format, r);
  std::memset(out, static_cast<int>(missing), columns);
  std::memset(out + columns, zero_of(layout.format), layout.stride - columns);
  unsigned bad = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const unsigned weight = weight_of(layout.format, r);
    const std::int8_t* row = trits + r * columns;
    for (std::size_t k = 0; k < columns; ++k) {
      const unsigned code = static_cast<std::uint8_t>(row[k] + 1);
      bad |= code > 2 ? 1U : 0U;
      out[k] = static_cast<std::uint8_t>(out[k] + code * weight);
    }
  }
  return bad == 0;
}

void decode_group(const Layout& layout, const std::uint8_t* bytes, std::size_t first,
                  std::size_t count, std::int8_t* trits) {
  const std::size_t columns = layout.shape.columns;
  for (std::size_t k = 0; k < columns; k += tile) {
    const std::size_t width = std::min(tile, columns - k);
    for (std::size_t r = 0; r < count; ++r)
      digits(layout.format, bytes + k, width, first + r, trits + r * columns + k);
  }
}

Status check_group(const Layout& layout, const std::uint8_t* bytes, std::size_t rows,
                   std::size_t offset) {
  const bool is_t5r = layout.format == Format::t5r;
  const auto is_bad = [&](std::uint8_t byte) {
    return is_t5r ? byte >= t5_codes : (byte & (byte >> 1) & 0x55) != 0;
  };
  const std::size_t columns = layout.shape.columns;
  unsigned bad = 0;
  for (std::size_t k = 0; k < columns; ++k) bad |= is_bad(bytes[k]) ? 1U : 0U;
  if (bad != 0) {
    const auto* found = std::find_if(bytes, bytes + columns, is_bad);
    return std::unexpected(
        Fault{FaultKind::invalid_code, offset + static_cast<std::size_t>(found - bytes), *found});
  }
  for (std::size_t k = columns; k < layout.stride; ++k)
    if (bytes[k] != zero_of(layout.format))
      return std::unexpected(Fault{FaultKind::padding, offset + k, bytes[k]});
  // The rows beyond N are the highest digits, so one division looks at all of them.
  if (rows == rows_in_byte(layout.format)) return {};
  unsigned missing = 0;
  for (std::size_t r = rows; r < rows_in_byte(layout.format); ++r)
    missing += weight_of(layout.format, r);
  const unsigned unit = weight_of(layout.format, rows);
  for (std::size_t k = 0; k < columns; ++k)
    if (bytes[k] / unit != missing / unit)
      return std::unexpected(Fault{FaultKind::padding, offset + k, bytes[k]});
  return {};
}

}  // namespace onnxpack::kernels::ternary
