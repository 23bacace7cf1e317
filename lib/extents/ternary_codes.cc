#include "ternary_codes.h"

#include <cstring>

#include <fmt/format.h>

namespace onnxpack::extents {
namespace {

using kernels::ternary::invalid_trit;
using kernels::ternary::t5_table;

Status refuse(std::uint64_t at, std::byte code) {
  return fail(ErrorKind::corrupt,
              fmt::format("byte {} of ternary codes is {}, which stands for no weights", at,
                          std::to_integer<unsigned>(code)),
              "the package is damaged or forged; fetch it again");
}

// Pieces of equal size in steps of a file, as one buffer without what lies between. Pieces that
// follow each other are read at once.
struct Strips {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  std::uint64_t step = 0;
  std::uint64_t size = 0;
};
Status read_strips(const io::ReadableFile& file, const Strips& strips, Bytes& buffer) {
  buffer.resize(static_cast<std::size_t>(strips.count * strips.size));
  if (strips.step == strips.size) return file.read_at(strips.offset, buffer);
  for (std::uint64_t i = 0; i < strips.count; ++i) {
    auto to = std::span(buffer).subspan(static_cast<std::size_t>(i * strips.size),
                                        static_cast<std::size_t>(strips.size));
    ONNXPACK_CHECK(file.read_at(strips.offset + i * strips.step, to));
  }
  return {};
}

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

Status read_t5r(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
                std::span<std::int8_t> out) {
  const std::uint64_t stride = ceil_div(matrix.columns, 64) * 64;
  const std::uint64_t group = part.first_row / 5;
  const std::uint64_t groups = ceil_div(part.rows, 5);
  // A whole row group is read with its padding, so that all groups are one read.
  const std::uint64_t width = part.columns == matrix.columns ? stride : part.columns;
  const Strips strips{matrix.offset + group * stride + part.first_column, groups, stride, width};
  ONNXPACK_CHECK(read_strips(*matrix.file, strips, buffer));
  for (std::uint64_t g = 0; g < groups; ++g) {
    const std::byte* bytes = buffer.data() + g * width;
    const std::uint64_t rows = std::min<std::uint64_t>(5, part.rows - g * 5);
    for (std::uint64_t k = 0; k < part.columns; ++k) {
      const auto& trits = t5_table[std::to_integer<std::size_t>(bytes[k])];
      if (trits[0] == invalid_trit)
        return refuse((group + g) * stride + part.first_column + k, bytes[k]);
      for (std::uint64_t r = 0; r < rows; ++r) out[(g * 5 + r) * part.columns + k] = trits[r];
    }
  }
  return {};
}

Status read_t5k(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
                std::span<std::int8_t> out) {
  const std::uint64_t stride = ceil_div(matrix.columns, 5);
  const std::uint64_t width = ceil_div(part.columns, 5);
  const std::uint64_t begin = part.first_row * stride + part.first_column / 5;
  ONNXPACK_CHECK(
      read_strips(*matrix.file, {matrix.offset + begin, part.rows, stride, width}, buffer));
  for (std::uint64_t n = 0; n < part.rows; ++n) {
    std::int8_t* row = out.data() + n * part.columns;
    for (std::uint64_t j = 0; j < width; ++j) {
      const std::byte byte = buffer[static_cast<std::size_t>(n * width + j)];
      const auto& trits = t5_table[std::to_integer<std::size_t>(byte)];
      if (trits[0] == invalid_trit) return refuse(begin + n * stride + j, byte);
      const std::uint64_t count = std::min<std::uint64_t>(5, part.columns - j * 5);
      std::memcpy(row + j * 5, trits.data(), static_cast<std::size_t>(count));
    }
  }
  return {};
}

Status read_u2(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
               std::span<std::int8_t> out) {
  const std::uint64_t first = part.first_row * matrix.columns;
  if (part.columns == matrix.columns) {
    // first is a multiple of row_step.
    const std::uint64_t count = part.rows * part.columns;
    ONNXPACK_CHECK(
        read_strips(*matrix.file, {matrix.offset + first / 4, 1, 0, ceil_div(count, 4)}, buffer));
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::byte byte = buffer[static_cast<std::size_t>(i / 4)];
      const auto code = std::to_integer<unsigned>(byte >> (2 * (i % 4))) & 3U;
      if (code == 3) return refuse(first / 4 + i / 4, byte);
      out[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(static_cast<int>(code) - 1);
    }
    return {};
  }
  for (std::uint64_t n = 0; n < part.rows; ++n) {
    const std::uint64_t begin = first + n * matrix.columns + part.first_column;
    const std::uint64_t end = begin + part.columns;
    ONNXPACK_CHECK(read_strips(
        *matrix.file, {matrix.offset + begin / 4, 1, 0, ceil_div(end, 4) - begin / 4}, buffer));
    for (std::uint64_t i = begin; i < end; ++i) {
      const std::byte byte = buffer[static_cast<std::size_t>(i / 4 - begin / 4)];
      const auto code = std::to_integer<unsigned>(byte >> (2 * (i % 4))) & 3U;
      if (code == 3) return refuse(i / 4, byte);
      out[static_cast<std::size_t>(n * part.columns + i - begin)] =
          static_cast<std::int8_t>(static_cast<int>(code) - 1);
    }
  }
  return {};
}

template <typename Bits>
Status read_real(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
                 std::span<std::int8_t> out) {
  constexpr Bits sign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  const std::uint64_t begin = part.first_row * matrix.columns + part.first_column;
  const Strips strips{matrix.offset + begin * sizeof(Bits), part.rows,
                      matrix.columns * sizeof(Bits), part.columns * sizeof(Bits)};
  ONNXPACK_CHECK(read_strips(*matrix.file, strips, buffer));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, buffer.data() + i * sizeof(Bits), sizeof(Bits));
    const bool zero = static_cast<Bits>(bits & static_cast<Bits>(~sign)) == 0;
    out[i] = zero ? std::int8_t{0} : (bits & sign) != 0 ? std::int8_t{-1} : std::int8_t{1};
  }
  return {};
}

}  // namespace

Status read_trits(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
                  std::span<std::int8_t> out) {
  switch (matrix.form) {
    case TernaryForm::u2:
      return read_u2(matrix, part, buffer, out);
    case TernaryForm::t5r:
      return read_t5r(matrix, part, buffer, out);
    case TernaryForm::t5k:
      return read_t5k(matrix, part, buffer, out);
    case TernaryForm::float32:
      return read_real<std::uint32_t>(matrix, part, buffer, out);
    default:
      return read_real<std::uint16_t>(matrix, part, buffer, out);
  }
}

}  // namespace onnxpack::extents
