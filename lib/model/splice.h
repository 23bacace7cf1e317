// Splices of splices, and the proof that one undoes another.
#pragma once

#include "onnxpack/model/annotate.h"

namespace onnxpack::model {

// `outer` is made of ranges of a file B, `inner` says how B is made of A: the same bytes as
// `outer`, made of A. Requires: outer's ranges lie within inner.size.
Splice compose(const Splice& outer, const Splice& inner);

// True when `splice` gives exactly `file`. Reads only what stands in the splice as bytes of its
// own.
Result<bool> is_identity(const Splice& splice, const io::ReadableFile& file);

}  // namespace onnxpack::model
