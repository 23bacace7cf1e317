// A member that is held as ranges of other members and a residual of its own: bytes that stand
// twice in a package are stored once. docs/format.md section 2 has the form.
//
//     map    = "extents1" , count (8 bytes) , record for each extent , residual
//     record = size (8) , offset (8) , parameters (8) , source (4) , transformation (4)
//
// Little endian. The extents' bytes, one after the other, are the member. Source 0 is the residual;
// source n is the n-th of the members that the layout names for this map. Sources are stored
// members, never maps themselves: one step, no cycles.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"
#include "onnxpack/extents/ternary.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

// How the bytes of the source become those of the member. By number, for ever: a number that is not
// known is refused, since guessing would read wrong bytes.
enum class Transformation : std::uint32_t {
  copy = 0,  // copy/1: as they are; no parameters
  // transpose/1: the source's bytes are a matrix in row-major order, the member's are its
  // transpose. Parameters: see Matrix. Compilers that fold a Transpose store weights so.
  transpose = 1,
  // ternary/1: see ternary.h. Parameters: where in the residual its descriptor stands. What the
  // extent takes of the residual is the descriptor, then the codes if they are there (source 0),
  // then the scales if they are there.
  ternary = 2,
};

// What the parameters of transpose/1 say: bits 0 to 7 are the bytes of an element (1, 2, 4 or 8),
// bits 8 to 63 the columns of the source matrix; its rows follow from the extent's size. Both are
// at least 2: with 1 it would be a copy.
struct Matrix {
  std::uint64_t element = 0;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t size() const { return element * rows * columns; }
};
constexpr std::uint64_t transpose_parameters(const Matrix& matrix) {
  return matrix.columns << 8 | matrix.element;
}
// Requires: parameters that parse() accepted for an extent of this size.
constexpr Matrix matrix_of(std::uint64_t size, std::uint64_t parameters) {
  std::uint64_t element = parameters & 0xFF;
  std::uint64_t columns = parameters >> 8;
  return {element, size / (element * columns), columns};
}

inline constexpr std::uint32_t residual_source = 0;

struct Extent {
  std::uint64_t size = 0;    // in the member
  std::uint64_t offset = 0;  // in the source; within the residual for source 0
  std::uint32_t source = residual_source;
  Transformation transformation = Transformation::copy;
  std::uint64_t parameters = 0;
  Ternary ternary = {};  // of Transformation::ternary only
  bool operator==(const Extent&) const = default;
};

inline constexpr std::uint64_t header_size = 16;
inline constexpr std::uint64_t record_size = 32;
// A map is read into memory whole: 32 MiB of records. A finder that wants more should have looked
// for longer matches.
inline constexpr std::uint64_t max_extents = std::uint64_t{1} << 20;

constexpr std::uint64_t map_size(std::uint64_t extents) {
  return header_size + extents * record_size;
}

// Bytes of the residual that the extent takes, descriptors included. Requires: as parse() gives, or
// with a good descriptor.
std::uint64_t residual_bytes(const Extent& extent);
// Numbers the residual's bytes in the order of the extents: offsets of literals, and where
// descriptors, codes and scales stand. Whoever puts a list together need not count.
void place_in_residual(std::vector<Extent>& extents);

// Header and records; the residual follows them in the member.
// Requires: extents.size() <= max_extents.
Bytes encode(std::span<const Extent> extents);

// Reads and checks a map: `member` holds records and residual, `size` is the size of the member
// that it describes, `sources` the sizes of its sources. Afterwards every extent lies within its
// source, sizes add up to `size`, and the residual is used once, in order, and to its end: no byte
// of it is free. Whether codes are valid shows when they are read. Errors: corrupt (the extent is
// named), unsupported for unknown transformations, as reading.
Result<std::vector<Extent>> parse(const io::ReadableFile& member, std::uint64_t size,
                                  std::span<const std::uint64_t> sources);

}  // namespace onnxpack::extents
