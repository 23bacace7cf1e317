#include "onnxpack/extents/ternary.h"

#include <algorithm>
#include <bit>
#include <vector>

#include <fmt/format.h>

#include "onnxpack/base/checked.h"
#include "onnxpack/kernels/ternary/scales.h"
#include "ternary_codes.h"

namespace onnxpack::extents {
namespace {

constexpr std::uint8_t transposed_bit = 1;
constexpr std::uint8_t scales_transposed_bit = 2;
constexpr std::uint32_t least_block = 16;
constexpr std::uint32_t widest_block = 1024;

std::unexpected<Error> corrupt(std::string text) {
  return fail(ErrorKind::corrupt, std::move(text),
              "the package is damaged or forged; fetch it again");
}

bool is_known(TernaryForm form) {
  return is_real(form) ? form <= TernaryForm::bfloat16
                       : form >= TernaryForm::u2 && form <= TernaryForm::t5k;
}

std::optional<std::uint64_t> scale_bytes(const Ternary& ternary) {
  if (ternary.scales == TernaryScales::none) return 0;
  const std::uint64_t width = real_size(ternary.to);
  if (ternary.scales == TernaryScales::tensor) return width;
  const auto [rows, columns] = ternary.scales_transposed ? std::pair(ternary.columns, ternary.rows)
                                                         : std::pair(ternary.rows, ternary.columns);
  if (ternary.scales == TernaryScales::row) return checked_mul(rows, width);
  const std::uint64_t blocks = columns / ternary.block + (columns % ternary.block != 0 ? 1 : 0);
  auto values = checked_mul(rows, blocks);
  return values ? checked_mul(*values, width) : std::nullopt;
}

Status check_forms(const Ternary& ternary) {
  if (!is_known(ternary.from) || !is_known(ternary.to))
    return corrupt(fmt::format("ternary forms {} to {} are not known",
                               static_cast<unsigned>(ternary.from),
                               static_cast<unsigned>(ternary.to)));
  if (ternary.from == ternary.to && !ternary.transposed && !is_real(ternary.to))
    return corrupt("the same ternary form on both sides is a copy");
  return {};
}

Status check_scales(const Ternary& ternary) {
  if (ternary.scales > TernaryScales::block)
    return corrupt(
        fmt::format("ternary scales {} are not known", static_cast<unsigned>(ternary.scales)));
  const bool has = ternary.scales != TernaryScales::none;
  if (has != is_real(ternary.to))
    return corrupt(has ? "ternary codes with scales" : "ternary reals without scales");
  const bool blocks = ternary.scales == TernaryScales::block;
  const bool right = blocks ? std::has_single_bit(ternary.block) && ternary.block >= least_block &&
                                  ternary.block <= widest_block
                            : ternary.block == 0;
  if (!right) return corrupt(fmt::format("ternary scale blocks of {} columns", ternary.block));
  const bool places = has || (ternary.scale_source == 0 && ternary.scale_offset == 0);
  const bool turned =
      ternary.scales_transposed && (!has || ternary.scales == TernaryScales::tensor);
  if (!places || turned) return corrupt("a ternary descriptor says more of scales than there is");
  return {};
}

// `back` with the coarsest scales with which the reals are ternary; without when they are not.
Ternary with_scales(ByteView bytes, Ternary back, bool of_transpose) {
  using kernels::ternary::Granularity;
  kernels::ternary::FloatMatrix matrix;
  matrix.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  matrix.type = scale_type(back.to);
  matrix.shape = of_transpose ? kernels::ternary::Shape{back.columns, back.rows}
                              : kernels::ternary::Shape{back.rows, back.columns};
  matrix.row_step = of_transpose ? 1 : back.columns;
  matrix.column_step = of_transpose ? back.columns : 1;
  auto found = kernels::ternary::find_ternary(matrix, kernels::ternary::NegativeZero::refuse);
  if (!found) return back;
  const auto [granularity, block] = found->layout;
  back.scales = granularity == Granularity::tensor ? TernaryScales::tensor
                : granularity == Granularity::row  ? TernaryScales::row
                                                   : TernaryScales::block;
  back.block = static_cast<std::uint32_t>(block);
  back.scales_transposed = of_transpose && back.scales != TernaryScales::tensor;
  return back;
}

template <typename Bits>
Result<Bytes> scales_in(const io::ReadableFile& file, std::uint64_t offset,
                        const Ternary& ternary) {
  constexpr Bits sign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  // One, for blocks of zeros.
  const auto one = static_cast<Bits>(ternary.to == TernaryForm::float32   ? 0x3F800000U
                                     : ternary.to == TernaryForm::float16 ? 0x3C00U
                                                                          : 0x3F80U);
  ONNXPACK_TRY(auto sizes, check_ternary(ternary));
  std::vector<Bits> scales(static_cast<std::size_t>(sizes.scales / sizeof(Bits)), 0);
  const ScaleSteps steps = scale_steps(ternary);
  std::vector<Bits> row(static_cast<std::size_t>(ternary.columns));
  for (std::uint64_t r = 0; r < ternary.rows; ++r) {
    ONNXPACK_CHECK(file.read_at(offset + r * ternary.columns * sizeof(Bits),
                                std::as_writable_bytes(std::span(row))));
    for (std::uint64_t c = 0; c < ternary.columns; ++c) {
      const auto magnitude = static_cast<Bits>(row[c] & static_cast<Bits>(~sign));
      auto& scale = scales[steps.index(r, c)];
      if (magnitude != 0 && scale == 0) scale = magnitude;
    }
  }
  for (Bits& scale : scales) scale = scale == 0 ? one : scale;
  auto bytes = std::as_bytes(std::span(scales));
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

ScaleSteps scale_steps(const Ternary& ternary) {
  const std::uint64_t columns = ternary.scales_transposed ? ternary.rows : ternary.columns;
  switch (ternary.scales) {
    case TernaryScales::row:
      return {1, columns, ternary.scales_transposed};
    case TernaryScales::block:
      return {columns / ternary.block + (columns % ternary.block != 0 ? 1 : 0), ternary.block,
              ternary.scales_transposed};
    default:
      return {0, std::max(ternary.rows, ternary.columns), false};
  }
}

std::optional<std::uint64_t> ternary_bytes(TernaryForm form, std::uint64_t rows,
                                           std::uint64_t columns) {
  if (is_real(form)) {
    auto values = checked_mul(rows, columns);
    return values ? checked_mul(*values, std::uint64_t{real_size(form)}) : std::nullopt;
  }
  auto layout = kernels::ternary::layout_of(codes_format(form), {rows, columns});
  if (!layout) return std::nullopt;
  return layout->bytes;
}

Result<TernarySizes> check_ternary(const Ternary& ternary) {
  ONNXPACK_CHECK(check_forms(ternary));
  ONNXPACK_CHECK(check_scales(ternary));
  const std::uint64_t rows = ternary.rows;
  const std::uint64_t columns = ternary.columns;
  const bool within = rows != 0 && columns != 0 && columns <= max_ternary_columns &&
                      rows <= max_ternary_values / columns &&
                      (!ternary.transposed || rows <= max_ternary_columns);
  if (!within)
    return corrupt(fmt::format("a ternary matrix of {} rows and {} columns", rows, columns));
  auto member = ternary_bytes(ternary.to, rows, columns);
  auto source = ternary.transposed ? ternary_bytes(ternary.from, columns, rows)
                                   : ternary_bytes(ternary.from, rows, columns);
  auto scales = scale_bytes(ternary);
  if (!member || !source || !scales) return fail(ErrorKind::internal, "a size overflows");
  return TernarySizes{*source, *member, *scales};
}

Bytes encode_descriptor(const Ternary& ternary) {
  Bytes out;
  out.reserve(descriptor_size);
  append_le(out, ternary.rows);
  append_le(out, ternary.columns);
  append_le(out, static_cast<std::uint8_t>(ternary.from));
  append_le(out, static_cast<std::uint8_t>(ternary.to));
  append_le(out,
            static_cast<std::uint8_t>((ternary.transposed ? transposed_bit : 0) |
                                      (ternary.scales_transposed ? scales_transposed_bit : 0)));
  append_le(out, static_cast<std::uint8_t>(ternary.scales));
  append_le(out, ternary.block);
  append_le(out, ternary.scale_source);
  append_le(out, std::uint32_t{0});
  append_le(out, ternary.scale_offset);
  return out;
}

Result<Ternary> parse_descriptor(ByteView bytes) {
  Ternary out;
  ByteReader reader(bytes);
  ONNXPACK_TRY(out.rows, reader.read_le<std::uint64_t>());
  ONNXPACK_TRY(out.columns, reader.read_le<std::uint64_t>());
  ONNXPACK_TRY(auto from, reader.read_le<std::uint8_t>());
  ONNXPACK_TRY(auto to, reader.read_le<std::uint8_t>());
  ONNXPACK_TRY(auto order, reader.read_le<std::uint8_t>());
  ONNXPACK_TRY(auto scales, reader.read_le<std::uint8_t>());
  ONNXPACK_TRY(out.block, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.scale_source, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(auto zero, reader.read_le<std::uint32_t>());
  ONNXPACK_TRY(out.scale_offset, reader.read_le<std::uint64_t>());
  if (order > (transposed_bit | scales_transposed_bit))
    return corrupt(fmt::format("a ternary descriptor of order {}", order));
  if (zero != 0) return corrupt(fmt::format("a ternary descriptor with {} instead of 0", zero));
  out.from = static_cast<TernaryForm>(from);
  out.to = static_cast<TernaryForm>(to);
  out.transposed = (order & transposed_bit) != 0;
  out.scales_transposed = (order & scales_transposed_bit) != 0;
  out.scales = static_cast<TernaryScales>(scales);
  return out;
}

Ternary inverse(const Ternary& ternary) {
  Ternary out;
  out.rows = ternary.transposed ? ternary.columns : ternary.rows;
  out.columns = ternary.transposed ? ternary.rows : ternary.columns;
  out.from = ternary.to;
  out.to = ternary.from;
  out.transposed = ternary.transposed;
  return out;
}

Result<std::optional<Ternary>> exact_inverse(const io::ReadableFile& file, std::uint64_t offset,
                                             const Ternary& ternary) {
  using Answer = std::optional<Ternary>;
  const Ternary back = inverse(ternary);
  if (!is_real(back.to)) return Answer(back);
  ONNXPACK_TRY(Bytes bytes, file.read(offset, back.rows * back.columns * real_size(back.to)));
  Ternary along = with_scales(bytes, back, false);
  if (along.scales == TernaryScales::tensor) return Answer(along);
  Ternary across = with_scales(bytes, back, true);
  const auto cost = [](const Ternary& one) {
    return one.scales == TernaryScales::none ? ~std::uint64_t{0} : scale_bytes(one).value_or(0);
  };
  const Ternary& best = cost(across) < cost(along) ? across : along;
  return best.scales == TernaryScales::none ? Answer() : Answer(best);
}

Result<Bytes> read_scales(const io::ReadableFile& file, std::uint64_t offset,
                          const Ternary& ternary) {
  return ternary.to == TernaryForm::float32 ? scales_in<std::uint32_t>(file, offset, ternary)
                                            : scales_in<std::uint16_t>(file, offset, ternary);
}

}  // namespace onnxpack::extents
