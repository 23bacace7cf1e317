// Ternary matrices as bytes: the stored forms that docs/ternary-format.md specifies, version 1.
//
// A matrix W has N rows (output features) and K columns; w in {-1, 0, 1}; its code c = w + 1 is 0,
// 1 or 2.
//
//   u2   byte[i / 4] holds c(i) in bits 2 * (i % 4), i = n * K + k: ONNX's UINT2 with zero point 1.
//   The last byte's unused
//        bits are 0. No row padding.
//   t5r  five rows in a byte: byte[g * stride + k] = sum over r of c[5g + r][k] * 3^r. stride = K
//   rounded up to 64.
//        Rows beyond N and columns beyond K hold c = 1 (a padding byte is 121).
//   t5k  five columns in a byte: byte[n * stride + j] = sum over i of c[n][5j + i] * 3^i. stride =
//   ceil(K / 5).
//        Columns beyond K hold c = 1.
//   u2r  four rows in a byte, in memory only: byte[g * stride + k] = sum over r of c[4g + r][k] <<
//   2r, stride and padding
//        as t5r (a padding byte is 0x55). What the 2-bit kernels read; never in a file.
//
// Every form has exactly one byte string for one matrix, so a digest of the bytes is a digest of
// the weights, and each form is a pure function of any other.
//
// All functions are pure and safe from any thread; only transcode() allocates (twenty rows of
// trits).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace onnxpack::kernels::ternary {

enum class Format : std::uint8_t { u2, t5r, t5k, u2r };

// "ternary.u2/1", as in metadata.
std::string_view encoding_name(Format format);
// Nothing for a name or version that is not known: readers fail closed.
std::optional<Format> parse_encoding(std::string_view name);

struct Shape {
  std::size_t rows = 0;     // N
  std::size_t columns = 0;  // K
  bool operator==(const Shape&) const = default;
};

struct Layout {
  Format format = Format::u2;
  Shape shape;
  std::size_t stride = 0;  // bytes from one row (t5k) or row group (t5r, u2r) to the next; for u2 K
                           // / 4 or 0 when rows share bytes
  std::size_t groups = 0;  // rows or row groups; for u2 the rows
  std::size_t bytes = 0;
};

// Nothing when a size does not fit size_t. An empty matrix has no bytes.
std::optional<Layout> layout_of(Format format, Shape shape);

enum class FaultKind : std::uint8_t {
  size,          // the span is not as long as the layout says; found = its length
  not_ternary,   // a value to be stored is none of -1, 0, 1; offset = element
  invalid_code,  // byte 243 to 255, or a 2-bit code 3; offset = byte
  padding,       // padding that is not the one allowed value; offset = byte
};
struct Fault {
  FaultKind kind = FaultKind::size;
  std::size_t offset = 0;
  std::int64_t found = 0;
  bool operator==(const Fault&) const = default;
};
using Status = std::expected<void, Fault>;

// trits: N * K values, row by row. Writes every byte of `out`. Errors: size, not_ternary; `out` is
// then unspecified. A value out of range is refused rather than packed: in base 3 it would carry
// into its neighbours.
Status encode(const Layout& layout, std::span<const std::int8_t> trits,
              std::span<std::uint8_t> out);
// The inverse. Errors: size, invalid_code, padding (all bytes are looked at first; `trits` is then
// untouched).
Status decode(const Layout& layout, std::span<const std::uint8_t> bytes,
              std::span<std::int8_t> trits);
// Whether decode() would take the bytes. Cost: one pass.
Status check(const Layout& layout, std::span<const std::uint8_t> bytes);
// From one form to another of the same shape, tile by tile. Errors: as decode(); size also for
// different shapes.
Status transcode(const Layout& from, std::span<const std::uint8_t> bytes, const Layout& to,
                 std::span<std::uint8_t> out);

// Rows [first, first + count) as trits, row by row, from bytes that check() took. Any byte is safe
// to give, an invalid one gives some trit in -1 .. 2. Requires: bytes.size() == layout.bytes,
// trits.size() == count * K.
void decode_rows(const Layout& layout, std::span<const std::uint8_t> bytes, std::size_t first,
                 std::size_t count, std::span<std::int8_t> trits);

// The table of the 10:8 forms: table[byte][i] is the trit of digit i; invalid bytes hold
// invalid_trit in all five.
inline constexpr std::int8_t invalid_trit = 127;
using T5Table = std::array<std::array<std::int8_t, 5>, 256>;
constexpr T5Table make_t5_table() {
  T5Table table{};
  for (int byte = 0; byte < 256; ++byte) {
    int rest = byte;
    for (auto& trit : table[static_cast<std::size_t>(byte)]) {
      trit = byte < 243 ? static_cast<std::int8_t>(rest % 3 - 1) : invalid_trit;
      rest /= 3;
    }
  }
  return table;
}
inline constexpr T5Table t5_table = make_t5_table();

}  // namespace onnxpack::kernels::ternary
