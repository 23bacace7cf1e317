// The bytes that an extent stands for.
#pragma once

#include <memory>

#include "onnxpack/extents/extent_map.h"
#include "onnxpack/io/file.h"

namespace onnxpack::extents {

// The transpose of `matrix`, which stands in `file` at `offset`, as a file. Reads a band of the
// matrix at a time: memory at most 8 MiB, time linear for reading front to back. Thread safe (one
// reader at a time works). Borrows `file`.
std::unique_ptr<io::ReadableFile> transposed(const io::ReadableFile& file, std::uint64_t offset,
                                             const Matrix& matrix);

}  // namespace onnxpack::extents
