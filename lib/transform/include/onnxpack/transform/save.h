// Writes a model that a pass made.
#pragma once

#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/model/annotate.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

struct Saved {
  std::uint64_t bytes = 0;          // of the model
  std::vector<io::fs::path> copied;  // external data, when the output lies in another folder
};

// `splice` refers to model.file(). The output appears whole or not at all; external data is copied beside it where its folder is not the
// model's, and is there before the model. Errors: already_exists without `overwrite`; as io::FileSystem. Memory: a buffer.
Result<Saved> save_model(io::FileSystem& files, const model::ModelFile& model, const model::Splice& splice,
                         const io::fs::path& output, io::Overwrite overwrite);

}  // namespace onnxpack::transform
