// From one stored form to another. Twenty rows hold whole groups of every form (5 rows, 4 rows) and
// a whole number of u2's bytes, so the work goes in bands of twenty rows; their trits are kept in a
// buffer of the caller's thread.
#include <algorithm>
#include <vector>

#include "ternary/codec.h"

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t band = 20;

void encode_band(const Layout& to, std::size_t row, std::size_t count, const std::int8_t* trits,
                 std::uint8_t* out) {
  const std::size_t columns = to.shape.columns;
  if (to.format == Format::u2) {
    encode_u2(trits, count * columns, out + row * columns / 4);
    return;
  }
  const std::size_t height = rows_in_byte(to.format);
  for (std::size_t r = 0; r < count; r += height) {
    std::uint8_t* bytes = out + (row + r) / height * to.stride;
    if (to.format == Format::t5k)
      encode_row_t5k(to, trits + r * columns, bytes);
    else
      encode_group(to, trits + r * columns, std::min(height, count - r), bytes);
  }
}

}  // namespace

Status transcode(const Layout& from, std::span<const std::uint8_t> bytes, const Layout& to,
                 std::span<std::uint8_t> out) {
  if (auto status = check(from, bytes); !status) return status;
  if (from.shape != to.shape || out.size() != to.bytes)
    return std::unexpected(Fault{FaultKind::size, to.bytes, static_cast<std::int64_t>(out.size())});
  if (out.empty()) return {};
  std::vector<std::int8_t> trits(std::min(band, from.shape.rows) * from.shape.columns);
  for (std::size_t row = 0; row < from.shape.rows; row += band) {
    const std::size_t count = std::min(band, from.shape.rows - row);
    decode_rows(from, bytes, row, count, std::span(trits).first(count * from.shape.columns));
    encode_band(to, row, count, trits.data(), out.data());
  }
  return {};
}

}  // namespace onnxpack::kernels::ternary
