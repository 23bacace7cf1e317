#include "onnxpack/kernels/ternary/scales.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

namespace onnxpack::kernels::ternary {
namespace {

constexpr std::size_t finest =
    16;  // columns; below this a scale costs more than the codes it belongs to
constexpr std::size_t widest = 1024;
// Rows read together: of a transposed matrix (row_step 1) sixteen neighbours share a cache line,
// and sixteen columns are one scale.
constexpr std::size_t rows_at_once = 16;

struct Type {
  std::uint32_t sign;
  std::uint32_t infinity;  // magnitudes from here on are not finite
  std::uint32_t one;
};
Type facts_of(ScaleType type) {
  switch (type) {
    case ScaleType::float16:
      return {0x8000, 0x7c00, 0x3c00};
    case ScaleType::bfloat16:
      return {0x8000, 0x7f80, 0x3f80};
    case ScaleType::float32:
      break;
  }
  return {0x80000000, 0x7f800000, 0x3f800000};
}

std::uint32_t read_bits(const FloatMatrix& m, std::size_t index) {
  if (m.type == ScaleType::float32) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, m.bytes.data() + index * 4, 4);
    return bits;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, m.bytes.data() + index * 2, 2);
  return bits;
}

// Trits and magnitude (0 where all are zero) of columns [16 * block, ...) of one row.
std::optional<NotTernary> scan_block(const FloatMatrix& m, const Type& type, std::size_t row,
                                     std::size_t block, NegativeZero zero, TernaryMatrix& out,
                                     std::uint32_t& scale) {
  std::int8_t* trits = out.trits.data() + row * m.shape.columns;
  const std::size_t end = std::min((block + 1) * finest, m.shape.columns);
  for (std::size_t k = block * finest; k < end; ++k) {
    const std::uint32_t bits = read_bits(m, row * m.row_step + k * m.column_step);
    const std::uint32_t magnitude = bits & (type.sign - 1);
    if (magnitude == 0) {
      trits[k] = 0;
      if (bits == 0) continue;
      if (zero == NegativeZero::refuse)
        return NotTernary{NotTernaryReason::negative_zero, row, k, bits};
      ++out.negative_zeros;
      continue;
    }
    if (magnitude >= type.infinity) return NotTernary{NotTernaryReason::not_finite, row, k, bits};
    if (scale == 0) scale = magnitude;
    if (scale != magnitude) return NotTernary{NotTernaryReason::two_magnitudes, row, k, bits};
    trits[k] = (bits & type.sign) != 0 ? std::int8_t{-1} : std::int8_t{1};
  }
  return std::nullopt;
}

// The one magnitude of the range, 0 when it has none, nothing when it has two.
std::optional<std::uint32_t> common(std::span<const std::uint32_t> fine) {
  std::uint32_t scale = 0;
  for (std::uint32_t next : fine) {
    if (next == 0) continue;
    if (scale == 0) scale = next;
    if (scale != next) return std::nullopt;
  }
  return scale;
}

// Scales for runs of `run` fine blocks in rows of `per_row`; false when a run has two magnitudes.
bool gather(std::span<const std::uint32_t> fine, std::size_t per_row, std::size_t run,
            std::uint32_t one, std::vector<std::uint32_t>& scales) {
  scales.clear();
  for (std::size_t begin = 0; begin < fine.size(); begin += per_row) {
    for (std::size_t i = 0; i < per_row; i += run) {
      const auto scale = common(fine.subspan(begin + i, std::min(run, per_row - i)));
      if (!scale) return false;
      scales.push_back(*scale != 0 ? *scale : one);
    }
  }
  return true;
}

void coarsen(std::span<const std::uint32_t> fine, std::size_t per_row, std::uint32_t one,
             TernaryMatrix& out) {
  if (gather(fine, fine.size(), fine.size(), one, out.scales)) {
    out.layout = {Granularity::tensor, 0};
    return;
  }
  if (gather(fine, per_row, per_row, one, out.scales)) {
    out.layout = {Granularity::row, 0};
    return;
  }
  std::size_t block = widest;
  while (!gather(fine, per_row, block / finest, one, out.scales)) block /= 2;
  out.layout = {Granularity::block, block};
}

}  // namespace

std::size_t scale_count(ScaleLayout layout, Shape shape) {
  switch (layout.granularity) {
    case Granularity::tensor:
      return 1;
    case Granularity::row:
      return shape.rows;
    case Granularity::block:
      break;
  }
  return shape.rows * ((shape.columns + layout.block - 1) / layout.block);
}

float widen(ScaleType type, std::uint32_t bits) {
  if (type == ScaleType::float32) return std::bit_cast<float>(bits);
  if (type == ScaleType::bfloat16) return std::bit_cast<float>(bits << 16);
  const std::uint32_t exponent = (bits >> 10) & 31U;
  const std::uint32_t mantissa = bits & 1023U;
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float value = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -value : value;
}

std::expected<TernaryMatrix, NotTernary> find_ternary(const FloatMatrix& matrix,
                                                      NegativeZero zero) {
  const Type type = facts_of(matrix.type);
  const std::size_t per_row = (matrix.shape.columns + finest - 1) / finest;
  TernaryMatrix out;
  out.trits.resize(matrix.shape.rows * matrix.shape.columns);
  std::vector<std::uint32_t> fine(matrix.shape.rows * per_row, 0);
  for (std::size_t first = 0; first < matrix.shape.rows; first += rows_at_once) {
    const std::size_t last = std::min(first + rows_at_once, matrix.shape.rows);
    for (std::size_t block = 0; block < per_row; ++block)
      for (std::size_t row = first; row < last; ++row) {
        std::uint32_t& scale = fine[row * per_row + block];
        if (auto refused = scan_block(matrix, type, row, block, zero, out, scale))
          return std::unexpected(*refused);
      }
  }
  coarsen(fine, per_row, type.one, out);
  return out;
}

void restore(const TernaryMatrix& ternary, ScaleType type, Shape shape, std::size_t row_step,
             std::size_t column_step, std::span<std::uint8_t> out) {
  const std::uint32_t sign = facts_of(type).sign;
  const auto [granularity, block] = ternary.layout;
  const std::size_t per_row =
      granularity == Granularity::block ? scale_count(ternary.layout, {1, shape.columns}) : 1;
  for (std::size_t n = 0; n < shape.rows; ++n) {
    for (std::size_t k = 0; k < shape.columns; ++k) {
      const std::size_t at = granularity == Granularity::tensor ? 0
                             : granularity == Granularity::row  ? n
                                                                : n * per_row + k / block;
      const std::int8_t trit = ternary.trits[n * shape.columns + k];
      std::uint32_t bits = trit == 0 ? 0 : ternary.scales[at];
      if (trit < 0) bits |= sign;
      std::memcpy(out.data() + (n * row_step + k * column_step) * size_of(type), &bits,
                  size_of(type));
    }
  }
}

}  // namespace onnxpack::kernels::ternary
