// The members of a package as a read-only file system: "components/model/model.onnx" is a path. So
// whatever reads a model folder reads a package as well, without extraction.
#pragma once

#include <memory>

#include "onnxpack/io/file.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

// Borrows `package`. Everything that writes is an error (unsupported).
std::unique_ptr<io::FileSystem> package_file_system(const PackageFile& package);

}  // namespace onnxpack::package
