// Encoding, decoding and checking whole matrices; the forms themselves stand in format_*.cc.
#include "ternary/codec.h"

#include <algorithm>
#include <array>

namespace onnxpack::kernels::ternary {
namespace {

Status sized(std::size_t found, std::size_t wanted) {
  if (found == wanted) return {};
  return std::unexpected(Fault{FaultKind::size, wanted, static_cast<std::int64_t>(found)});
}

std::size_t elements_of(const Layout& layout) {
  return layout.shape.rows * layout.shape.columns;
}

std::size_t rows_of_group(const Layout& layout, std::size_t group) {
  const std::size_t height = rows_in_byte(layout.format);
  return std::min(height, layout.shape.rows - group * height);
}

Fault first_non_ternary(std::span<const std::int8_t> trits) {
  const auto found =
      std::find_if(trits.begin(), trits.end(), [](std::int8_t t) { return t < -1 || t > 1; });
  return {FaultKind::not_ternary, static_cast<std::size_t>(found - trits.begin()), *found};
}

}  // namespace

Status encode(const Layout& layout, std::span<const std::int8_t> trits,
              std::span<std::uint8_t> out) {
  if (auto status = sized(trits.size(), elements_of(layout)); !status) return status;
  if (auto status = sized(out.size(), layout.bytes); !status) return status;
  if (out.empty()) return {};
  bool good = true;
  if (layout.format == Format::u2) {
    good = encode_u2(trits.data(), trits.size(), out.data());
  } else {
    for (std::size_t g = 0; g < layout.groups; ++g) {
      const std::size_t height = rows_in_byte(layout.format);
      const std::int8_t* rows = trits.data() + g * height * layout.shape.columns;
      std::uint8_t* bytes = out.data() + g * layout.stride;
      good &= layout.format == Format::t5k
                  ? encode_row_t5k(layout, rows, bytes)
                  : encode_group(layout, rows, rows_of_group(layout, g), bytes);
    }
  }
  if (!good) return std::unexpected(first_non_ternary(trits));
  return {};
}

Status check(const Layout& layout, std::span<const std::uint8_t> bytes) {
  if (auto status = sized(bytes.size(), layout.bytes); !status) return status;
  if (bytes.empty()) return {};
  if (layout.format == Format::u2) return check_u2(layout, bytes);
  for (std::size_t g = 0; g < layout.groups; ++g) {
    const std::size_t offset = g * layout.stride;
    auto status =
        layout.format == Format::t5k
            ? check_row_t5k(layout, bytes.data() + offset, offset)
            : check_group(layout, bytes.data() + offset, rows_of_group(layout, g), offset);
    if (!status) return status;
  }
  return {};
}

void decode_rows(const Layout& layout, std::span<const std::uint8_t> bytes, std::size_t first,
                 std::size_t count, std::span<std::int8_t> trits) {
  const std::size_t columns = layout.shape.columns;
  if (count == 0 || columns == 0) return;
  if (layout.format == Format::u2) {
    decode_u2(bytes.data(), first * columns, count * columns, trits.data());
    return;
  }
  const std::size_t height = rows_in_byte(layout.format);
  for (std::size_t row = first; row < first + count;) {
    const std::size_t in_group = row % height;
    const std::size_t take = std::min(height - in_group, first + count - row);
    const std::uint8_t* group = bytes.data() + row / height * layout.stride;
    std::int8_t* out = trits.data() + (row - first) * columns;
    if (layout.format == Format::t5k)
      decode_row_t5k(layout, group, out);
    else
      decode_group(layout, group, in_group, take, out);
    row += take;
  }
}

Status decode(const Layout& layout, std::span<const std::uint8_t> bytes,
              std::span<std::int8_t> trits) {
  if (auto status = check(layout, bytes); !status) return status;
  if (auto status = sized(trits.size(), elements_of(layout)); !status) return status;
  decode_rows(layout, bytes, 0, layout.shape.rows, trits);
  return {};
}

}  // namespace onnxpack::kernels::ternary
