// Files of a model as bytes in which blobs' bytes are looked for.
#pragma once

#include "onnxpack/extents/finder.h"
#include "onnxpack/model/model_file.h"
#include "onnxpack/transform/ternarize.h"

namespace onnxpack::package {

// The constant's range, which begins at `offset` in its file, as what the finder wants to know of
// it.
extents::Range range_of(const model::Constant& constant, std::uint64_t offset);
// The same of codes that a node describes.
extents::Range range_of(const model::Constant& constant, std::uint64_t offset,
                        const transform::TernaryCodes& codes);

}  // namespace onnxpack::package
