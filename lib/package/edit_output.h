// The last step of every edit.
#pragma once

#include "annexes.h"
#include "onnxpack/package/edit.h"
#include "writer.h"

namespace onnxpack::package {

// Writes `parts` with `annexes`, and reports what changed since `before`.
Result<EditReport> write_edited(const Environment& environment, const PackageFile& before,
                                PackageParts& parts, Annexes annexes,
                                const std::filesystem::path& output, io::Overwrite overwrite);

}  // namespace onnxpack::package
