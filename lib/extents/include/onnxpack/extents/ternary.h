// ternary/1: one ternary matrix in two forms, of which one is stored (docs/format.md, 2.2; the
// forms are those of docs/ternary-format.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

// How a matrix stands in bytes. By number, for ever.
enum class TernaryForm : std::uint8_t {
  none = 0,
  u2 = 1,
  t5r = 2,
  t5k = 3,
  // Trit times scale in row-major order. As a source only signs and zeros are looked at.
  float32 = 16,
  float16 = 17,
  bfloat16 = 18,
};
constexpr bool is_real(TernaryForm form) {
  return form >= TernaryForm::float32;
}

enum class TernaryScales : std::uint8_t { none = 0, tensor = 1, row = 2, block = 3 };

// What a record of ternary/1 says beyond its fields. The member's bytes are the matrix in form
// `to`, the source's the same matrix, or its transpose, in form `from`.
struct Ternary {
  std::uint64_t rows = 0;  // of the member's matrix
  std::uint64_t columns = 0;
  TernaryForm from = TernaryForm::none;
  TernaryForm to = TernaryForm::none;
  bool transposed = false;  // the source holds the transpose
  // For a real `to` only: values of its type, per tensor, per row, or per `block` columns of a row,
  // of the member's matrix or, with `scales_transposed`, of its transpose.
  TernaryScales scales = TernaryScales::none;
  bool scales_transposed = false;
  std::uint32_t block = 0;
  // Where the scales stand: in a source, or (0) in the residual behind this descriptor, and then
  // behind the codes if those stand there too.
  std::uint32_t scale_source = 0;
  std::uint64_t scale_offset = 0;
  bool operator==(const Ternary&) const = default;
};

inline constexpr std::uint64_t descriptor_size = 40;
// A reader holds some rows of a matrix in memory; and no number calculated from these overflows.
inline constexpr std::uint64_t max_ternary_columns = std::uint64_t{1} << 22;
inline constexpr std::uint64_t max_ternary_values = std::uint64_t{1} << 40;

// Bytes of a matrix in a form. Nothing when the number is too large.
std::optional<std::uint64_t> ternary_bytes(TernaryForm form, std::uint64_t rows,
                                           std::uint64_t columns);

struct TernarySizes {
  std::uint64_t source = 0;
  std::uint64_t member = 0;
  std::uint64_t scales = 0;
};
// Errors: corrupt, when this describes no transformation that format.md knows, or a matrix beyond
// its limits. Where the bytes stand is not looked at.
Result<TernarySizes> check_ternary(const Ternary& ternary);

Bytes encode_descriptor(const Ternary& ternary);
// Errors: corrupt (bits that no descriptor has). Requires: descriptor_size bytes.
Result<Ternary> parse_descriptor(ByteView bytes);

// The way back: from the member's form to the source's. Scales are none; for a real `from` the
// caller fills them in. Requires: check_ternary().
Ternary inverse(const Ternary& ternary);

// The member's bytes as a file. `source` and `scales` (unused without scales) hold the bytes at the
// offsets given. Reads bands of rows: memory at most 16 MiB, or twenty rows of the largest matrix.
// A source that holds an invalid code gives an error of kind corrupt where it is read. Thread safe
// (one reader at a time works). Borrows the files. Requires: check_ternary(), and the ranges lie
// within the files.
std::unique_ptr<io::ReadableFile> ternary_file(const io::ReadableFile& source, std::uint64_t offset,
                                               const io::ReadableFile* scales,
                                               const Ternary& ternary);

// The way back as a transformation that gives every bit of what stands in `file` at `offset`, the
// source of `ternary`: inverse(), and for reals the coarsest scales, to stand in the residual.
// Nothing for reals that are not exactly ternary: another magnitude in every scale block, a
// negative zero. Errors: as reading. Memory: reals are read whole, twice the matrix.
Result<std::optional<Ternary>> exact_inverse(const io::ReadableFile& file, std::uint64_t offset,
                                             const Ternary& ternary);

// The scales that `ternary`, with a real member, speaks of, out of that member, which stands in
// `file` at `offset`. Errors: as reading.
Result<Bytes> read_scales(const io::ReadableFile& file, std::uint64_t offset,
                          const Ternary& ternary);

}  // namespace onnxpack::extents
