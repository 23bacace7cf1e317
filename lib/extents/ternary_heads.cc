#include "ternary_heads.h"

#include <algorithm>
#include <array>

#include "ternary_codes.h"

namespace onnxpack::extents {
namespace {

// Fewer values are not worth a descriptor and a record.
constexpr std::uint64_t least_values = 2048;
// The corner that heads are made of: with 512 columns the first row gives 102 bytes and more in every
// form.
constexpr std::uint64_t corner_columns = 512;
constexpr std::uint64_t sample = 16;
constexpr std::array codes_forms = {TernaryForm::t5r, TernaryForm::t5k, TernaryForm::u2};

std::uint32_t magnitude(const std::byte* at, TernaryForm form) {
  if (form == TernaryForm::float32) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, at, sizeof bits);
    return bits & 0x7FFFFFFFU;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return bits & 0x7FFFU;
}

// The magnitudes of one line of the sample; false when there are two.
bool one_magnitude(const std::array<std::uint32_t, sample * sample>& values, std::size_t begin,
                   std::size_t step, std::size_t count) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t next = values[begin + i * step];
    if (next == 0) continue;
    if (found == 0) found = next;
    if (found != next) return false;
  }
  return true;
}

// The first bytes of the matrix in `to`, or fewer than `size` when the corner does not say.
Bytes encode_corner(const std::vector<std::int8_t>& trits, std::uint64_t rows,
                    std::uint64_t columns, TernaryForm to, std::size_t size) {
  auto layout = kernels::ternary::layout_of(codes_format(to), {rows, columns});
  Bytes out(layout ? layout->bytes : 0);
  auto bytes = std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  if (!layout || !kernels::ternary::encode(*layout, trits, bytes)) return {};
  out.resize(std::min(out.size(), size));
  return out;
}

}  // namespace

// Scales belong to rows, or parts of rows of 16 columns and more, of the matrix or of its
// transpose: so in its first corner each row, or each column, has one magnitude. Almost every
// matrix that is not ternary fails here.
Result<bool> may_be_ternary(const io::ReadableFile& file, const Range& range) {
  auto bytes =
      is_real(range.form) ? ternary_bytes(range.form, range.rows, range.columns) : std::nullopt;
  if (!bytes || *bytes != range.size || range.rows * range.columns < least_values) return false;
  const std::uint64_t rows = std::min(range.rows, sample);
  const std::uint64_t columns = std::min(range.columns, sample);
  const unsigned width = real_size(range.form);
  std::array<std::uint32_t, sample * sample> values{};
  Bytes line(static_cast<std::size_t>(columns * width));
  bool all_zero = true;
  for (std::uint64_t r = 0; r < rows; ++r) {
    ONNXPACK_CHECK(file.read_at(range.offset + r * range.columns * width, line));
    for (std::uint64_t c = 0; c < columns; ++c) {
      auto& value = values[r * sample + c];
      value = magnitude(line.data() + c * width, range.form);
      all_zero = all_zero && value == 0;
    }
  }
  bool by_rows = !all_zero;
  for (std::uint64_t r = 0; r < rows; ++r)
    by_rows = by_rows && one_magnitude(values, r * sample, 1, columns);
  bool by_columns = !all_zero;
  for (std::uint64_t c = 0; c < columns; ++c)
    by_columns = by_columns && one_magnitude(values, c, sample, rows);
  return by_rows || by_columns;
}

Result<std::vector<TernaryHead>> ternary_heads(const io::ReadableFile& file, const Range& range,
                                               std::size_t head_size) {
  std::vector<TernaryHead> out;
  if (range.form == TernaryForm::none) return out;
  auto bytes = ternary_bytes(range.form, range.rows, range.columns);
  if (!bytes || *bytes != range.size || range.rows * range.columns < least_values) return out;
  if (is_real(range.form)) {
    ONNXPACK_TRY(bool may, may_be_ternary(file, range));
    if (!may) return out;
  }
  for (bool transposed : {false, true}) {
    Ternary ternary;
    ternary.rows = transposed ? range.columns : range.rows;
    ternary.columns = transposed ? range.rows : range.columns;
    ternary.from = range.form;
    ternary.transposed = transposed;
    const std::uint64_t rows = std::min(ternary.rows, row_step);
    const std::uint64_t columns = std::min(ternary.columns, corner_columns);
    const TernaryAt at{&file, range.offset, range.form, range.rows, range.columns};
    std::vector<std::int8_t> trits(static_cast<std::size_t>(rows * columns));
    Bytes buffer;
    const Rectangle part =
        transposed ? Rectangle{0, columns, 0, rows} : Rectangle{0, rows, 0, columns};
    // Codes that are none are no matrix to look for.
    if (auto read = read_trits(at, part, buffer, trits); !read) {
      if (read.error().kind() == ErrorKind::corrupt && !is_real(range.form)) return out;
      return std::unexpected(std::move(read.error()));
    }
    if (transposed) {
      std::vector<std::int8_t> turned(trits.size());
      for (std::uint64_t c = 0; c < columns; ++c)
        for (std::uint64_t r = 0; r < rows; ++r) turned[r * columns + c] = trits[c * rows + r];
      trits.swap(turned);
    }
    for (TernaryForm to : codes_forms) {
      ternary.to = to;
      auto sizes = check_ternary(ternary);
      if (!sizes) continue;
      Bytes begin = encode_corner(trits, rows, columns, to, head_size);
      if (begin.size() == head_size) out.push_back({ternary, sizes->member, std::move(begin)});
    }
  }
  return out;
}

}  // namespace onnxpack::extents
