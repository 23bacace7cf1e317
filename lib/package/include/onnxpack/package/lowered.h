// Nodes of a packaged original that no runtime loads as they are.
#pragma once

#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

struct LoweredNode {
  std::string name;
  std::string why_expanded;  // in the form with operators; empty: it can be tiled
};

// FlexAttention nodes of a component, those in bodies and functions included; none where the file
// does not hold its model. Cost: nothing unless the model imports their domain. Errors: those of
// ModelFile::open.
Result<std::vector<LoweredNode>> lowered_nodes(const PackageFile& package,
                                               const manifest::Component& component);

}  // namespace onnxpack::package
