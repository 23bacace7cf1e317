// Scales of ternary matrices, and how a floating-point matrix is found to be exactly trit times
// scale.
//
// W[n][k] = trit[n][k] * scale, one multiplication in the scale's own type, exact because the trit
// is -1, 0 or 1. Scales are one tensor beside the codes: [] (per tensor), [N] (per row) or [N,
// ceil(K / block)] (per block of columns).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "onnxpack/kernels/ternary/format.h"

namespace onnxpack::kernels::ternary {

enum class ScaleType : std::uint8_t { float32, float16, bfloat16 };
constexpr std::size_t size_of(ScaleType type) {
  return type == ScaleType::float32 ? 4 : 2;
}

enum class Granularity : std::uint8_t { tensor, row, block };
struct ScaleLayout {
  Granularity granularity = Granularity::tensor;
  std::size_t block = 0;  // columns; for Granularity::block only
  bool operator==(const ScaleLayout&) const = default;
};
// Values in the scale tensor of a matrix that is not empty.
std::size_t scale_count(ScaleLayout layout, Shape shape);

// A value of `type` widened to float32; exact.
float widen(ScaleType type, std::uint32_t bits);

// A matrix of floats where it lies: element (n, k) is number n * row_step + k * column_step of
// `bytes`, little endian. So a MatMul weight [K, N] is read as its transpose by row_step 1,
// column_step N.
struct FloatMatrix {
  std::span<const std::uint8_t> bytes;
  ScaleType type = ScaleType::float32;
  Shape shape;
  std::size_t row_step = 0;
  std::size_t column_step = 1;
};

// What -0.0 is taken as. It is not 0 times any positive scale, so a matrix that has one does not
// come back bit for bit. As a weight it is worth the same as 0: sums differ by the sign of a zero
// at most.
enum class NegativeZero : std::uint8_t { refuse, as_zero };

enum class NotTernaryReason : std::uint8_t {
  two_magnitudes,  // within sixteen columns of a row
  negative_zero,
  not_finite,
};
struct NotTernary {
  NotTernaryReason reason = NotTernaryReason::two_magnitudes;
  std::size_t row = 0;
  std::size_t column = 0;
  std::uint32_t found = 0;  // bits of the value
  bool operator==(const NotTernary&) const = default;
};

struct TernaryMatrix {
  ScaleLayout layout;
  std::vector<std::int8_t> trits;     // N * K, row by row
  std::vector<std::uint32_t> scales;  // bits of the matrix's own type, all positive
  std::size_t negative_zeros = 0;     // taken as zero
};

// The coarsest scales (tensor, row, then the widest of 1024, 512, ... 16 columns) with which the
// matrix is exactly {-s, 0, s} in each of their blocks. A block of zeros only takes the scale 1, or
// agrees with its neighbours. No value is rounded, ever. Requires: bytes cover the shape; the
// matrix is not empty. Memory: N * K bytes for the trits. Cost: one pass over the matrix.
std::expected<TernaryMatrix, NotTernary> find_ternary(const FloatMatrix& matrix, NegativeZero zero);

// The inverse: trit times scale, bit for bit, as bytes in the same steps. Requires: out has room
// for the shape.
void restore(const TernaryMatrix& ternary, ScaleType type, Shape shape, std::size_t row_step,
             std::size_t column_step, std::span<std::uint8_t> out);

}  // namespace onnxpack::kernels::ternary
