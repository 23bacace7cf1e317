// Files of a model as bytes in which blobs' bytes are looked for.
#pragma once

#include "onnxpack/extents/finder.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::package {

// The constant's range, which begins at `offset` in its file, as what the finder wants to know of
// it.
extents::Range range_of(const model::Constant& constant, std::uint64_t offset);

}  // namespace onnxpack::package
