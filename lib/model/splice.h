// The proof that one undoes another.
#pragma once

#include "onnxpack/model/annotate.h"

namespace onnxpack::model {

// True when `splice` gives exactly `file`. Reads only what stands in the splice as bytes of its
// own.
Result<bool> is_identity(const Splice& splice, const io::ReadableFile& file);

}  // namespace onnxpack::model
