#include "ternary_stored.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "onnxpack/model/constants.h"

namespace onnxpack::transform {
namespace {

using kernels::ternary::FloatMatrix;
using kernels::ternary::Format;
using kernels::ternary::Layout;
using kernels::ternary::layout_of;
using kernels::ternary::NegativeZero;
using kernels::ternary::NotTernary;
using kernels::ternary::NotTernaryReason;
using kernels::ternary::ScaleType;
using kernels::ternary::Shape;
using kernels::ternary::size_of;
using kernels::ternary::TernaryMatrix;
using Raw = std::vector<std::uint8_t>;

ScaleType scale_type_of(model::DataType type) {
  if (type == model::DataType::float16) return ScaleType::float16;
  return type == model::DataType::bfloat16 ? ScaleType::bfloat16 : ScaleType::float32;
}

std::string reason(const NotTernary& found, ScaleType type) {
  const std::string place = fmt::format("row {}, column {}", found.row, found.column);
  switch (found.reason) {
    case NotTernaryReason::not_finite:
      return fmt::format("not finite at {}", place);
    case NotTernaryReason::negative_zero:
      return fmt::format("-0.0 at {}", place);
    case NotTernaryReason::two_magnitudes:
      break;
  }
  return fmt::format("not ternary: a second magnitude, {}, at {}",
                     std::abs(widen(type, found.found)), place);
}

// Trits [N, K] as those of the initializer's own elements.
std::vector<std::int8_t> transpose(const std::vector<std::int8_t>& trits, Shape shape) {
  std::vector<std::int8_t> out(trits.size());
  constexpr std::size_t tile = 64;
  for (std::size_t n = 0; n < shape.rows; n += tile)
    for (std::size_t k = 0; k < shape.columns; ++k)
      for (std::size_t i = n; i < std::min(n + tile, shape.rows); ++i)
        out[k * shape.rows + i] = trits[i * shape.columns + k];
  return out;
}

Bytes scale_bytes(const TernaryMatrix& matrix, ScaleType type) {
  Bytes out(matrix.scales.size() * size_of(type));
  for (std::size_t i = 0; i < matrix.scales.size(); ++i)
    std::memcpy(out.data() + i * size_of(type), &matrix.scales[i], size_of(type));
  return out;
}

// Decodes what is about to be written and compares it with the weight.
Status prove(const WeightFacts& constant, const FloatMatrix& weight, TernaryMatrix& matrix,
             const Layout& layout, const Raw& codes, bool as_transposed) {
  if (!decode(layout, codes, matrix.trits))
    return fail(ErrorKind::internal, fmt::format("{}: the codes do not decode", constant.name));
  if (as_transposed)
    matrix.trits = transpose(matrix.trits, {weight.shape.columns, weight.shape.rows});
  Raw back(weight.bytes.size());
  restore(matrix, weight.type, weight.shape, weight.row_step, weight.column_step, back);
  if (matrix.negative_zeros == 0 && !std::ranges::equal(back, weight.bytes))
    return fail(ErrorKind::internal,
                fmt::format("{}: the codes do not give the weight back", constant.name));
  if (matrix.negative_zeros == 0) return {};
  // Equal but for the signs of zeros, which were counted.
  const std::size_t width = size_of(weight.type);
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < back.size(); i += width)
    if (std::memcmp(back.data() + i, weight.bytes.data() + i, width) != 0) ++different;
  if (different == matrix.negative_zeros) return {};
  return fail(ErrorKind::internal,
              fmt::format("{}: the codes do not give the weight back", constant.name));
}

}  // namespace

Result<Raw> read_weight(const model::ModelFile& model, const model::Constant& constant) {
  Raw out;
  out.reserve(constant.size);
  ONNXPACK_CHECK(model::read_constant(model, constant, [&](ByteView piece) -> Status {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(piece.data());
    out.insert(out.end(), begin, begin + piece.size());
    return {};
  }));
  return out;
}

Result<std::variant<StoredTernary, Refused>> store_ternary(const WeightFacts& constant,
                                                           const Raw& raw, bool transposed,
                                                           Format format, CodeOrder order,
                                                           NegativeZero zero,
                                                           io::WritableFile& codes) {
  using Answer = std::variant<StoredTernary, Refused>;
  const auto first = static_cast<std::size_t>(constant.dims[0]);
  const auto second = static_cast<std::size_t>(constant.dims[1]);
  const Shape shape = transposed ? Shape{second, first} : Shape{first, second};
  const FloatMatrix weight{raw, scale_type_of(constant.type), shape, transposed ? 1 : second,
                           transposed ? second : 1};
  auto matrix = find_ternary(weight, zero);
  if (!matrix) return Answer(Refused{reason(matrix.error(), weight.type)});

  const bool as_transposed = order == CodeOrder::as_initializer && transposed;
  const auto layout = layout_of(format, as_transposed ? Shape{first, second} : shape);
  if (!layout) return Answer(Refused{"too large"});
  Raw bytes(layout->bytes);
  if (!encode(*layout, as_transposed ? transpose(matrix->trits, shape) : matrix->trits, bytes))
    return fail(ErrorKind::internal, fmt::format("{}: the weights do not encode", constant.name));
  ONNXPACK_CHECK(prove(constant, weight, *matrix, *layout, bytes, as_transposed));
  ONNXPACK_CHECK(pad_to_page(codes));
  ONNXPACK_CHECK(codes.write(std::as_bytes(std::span(bytes))));
  return Answer(StoredTernary{*layout, matrix->layout, weight.type,
                              scale_bytes(*matrix, weight.type), codes.position() - bytes.size(),
                              matrix->negative_zeros});
}

Status pad_to_page(io::WritableFile& file) {
  constexpr std::uint64_t page = 4096;
  static constexpr std::byte zeros[page] = {};
  const std::uint64_t over = file.position() % page;
  if (over == 0) return {};
  return file.write({zeros, page - over});
}

}  // namespace onnxpack::transform
