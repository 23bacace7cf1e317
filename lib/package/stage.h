// The components on the disk as backends see them: laid out as in the package, nodes annotated,
// weights beside.
#pragma once

#include <filesystem>
#include <vector>

#include "onnxpack/package/environment.h"
#include "prepare.h"

namespace onnxpack::package {

// Writes components/<name>/... below `root`. Offsets of tensors are those of the package: only the
// scope table at the end is missing, and it moves nothing. Weights in external files are copied
// (reflinked where the file system can): ONNX tools refuse links.
Status stage_components(const Environment& environment,
                        const std::vector<PreparedComponent>& components,
                        const std::filesystem::path& root);

}  // namespace onnxpack::package
