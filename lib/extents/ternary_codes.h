// Rectangles of ternary matrices, out of files and into bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "onnxpack/extents/ternary.h"
#include "onnxpack/io/file.h"
#include "onnxpack/kernels/ternary/format.h"
#include "onnxpack/kernels/ternary/scales.h"

namespace onnxpack::extents {

constexpr unsigned real_size(TernaryForm form) {
  return form == TernaryForm::float32 ? 4 : 2;
}
// Requires: codes.
constexpr kernels::ternary::Format codes_format(TernaryForm form) {
  return form == TernaryForm::u2    ? kernels::ternary::Format::u2
         : form == TernaryForm::t5r ? kernels::ternary::Format::t5r
                                    : kernels::ternary::Format::t5k;
}
// Requires: a real form.
constexpr kernels::ternary::ScaleType scale_type(TernaryForm form) {
  return form == TernaryForm::float32   ? kernels::ternary::ScaleType::float32
         : form == TernaryForm::float16 ? kernels::ternary::ScaleType::float16
                                        : kernels::ternary::ScaleType::bfloat16;
}

// The scale of the member's value (r, c).
struct ScaleSteps {
  std::uint64_t per_row = 0;
  std::uint64_t block = 1;
  bool transposed = false;
  std::size_t index(std::uint64_t r, std::uint64_t c) const {
    return static_cast<std::size_t>(transposed ? c * per_row + r / block : r * per_row + c / block);
  }
};
// Requires: a real member.
ScaleSteps scale_steps(const Ternary& ternary);

// Rows of every form begin at whole bytes there.
inline constexpr std::uint64_t row_step = 20;

// A matrix in a file.
struct TernaryAt {
  const io::ReadableFile* file = nullptr;
  std::uint64_t offset = 0;
  TernaryForm form = TernaryForm::none;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
};
struct Rectangle {
  std::uint64_t first_row = 0;
  std::uint64_t rows = 0;
  std::uint64_t first_column = 0;
  std::uint64_t columns = 0;
};

// Trits of the rectangle, row by row: out.size() == rows * columns. Of a real value the sign,
// unless it is a zero. `buffer` is for reuse. Errors: corrupt (an invalid code, with its place), as
// reading. Requires: first_row and first_column are multiples of row_step, the rectangle lies
// within the matrix.
Status read_trits(const TernaryAt& matrix, const Rectangle& part, Bytes& buffer,
                  std::span<std::int8_t> out);

}  // namespace onnxpack::extents
