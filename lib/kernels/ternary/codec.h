// What the files of the stored forms share.
#pragma once

#include "onnxpack/kernels/ternary/format.h"

namespace onnxpack::kernels::ternary {

// Rows whose codes stand in one byte, in the row-plane forms; 1 for the others.
constexpr std::size_t rows_in_byte(Format format) {
  if (format == Format::t5r) return 5;
  return format == Format::u2r ? 4 : 1;
}

inline constexpr int power_of_3[5] = {1, 3, 9, 27, 81};
inline constexpr std::uint8_t t5_zero = 121;  // five codes 1
inline constexpr std::uint8_t t5_codes = 243;
inline constexpr std::uint8_t u2_zero = 0x55;

// One row group of a row-plane form. `rows` (at most rows_in_byte) pointers to K trits each.
// Returns whether all are ternary.
bool encode_group(const Layout& layout, const std::int8_t* trits, std::size_t rows,
                  std::uint8_t* out);
void decode_group(const Layout& layout, const std::uint8_t* bytes, std::size_t first,
                  std::size_t count, std::int8_t* trits);
Status check_group(const Layout& layout, const std::uint8_t* bytes, std::size_t rows,
                   std::size_t offset);

// One row of t5k.
bool encode_row_t5k(const Layout& layout, const std::int8_t* trits, std::uint8_t* out);
void decode_row_t5k(const Layout& layout, const std::uint8_t* bytes, std::int8_t* trits);
Status check_row_t5k(const Layout& layout, const std::uint8_t* bytes, std::size_t offset);

// u2, elements [first, first + count) of the flattened tensor; first % 4 == 0 for encoding.
bool encode_u2(const std::int8_t* trits, std::size_t count, std::uint8_t* out);
void decode_u2(const std::uint8_t* bytes, std::size_t first, std::size_t count, std::int8_t* trits);
Status check_u2(const Layout& layout, std::span<const std::uint8_t> bytes);

}  // namespace onnxpack::kernels::ternary
