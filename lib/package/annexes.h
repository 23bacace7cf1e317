// Evidence and signatures of packages that are edited: what goes along, and what does not.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "onnxpack/package/package_file.h"
#include "writer.h"

namespace onnxpack::package {

struct Annexes {
  std::vector<SourceFile> kept;      // by member, each once
  std::vector<std::string> dropped;  // by member
};

// Of all the packages. Evidence is dropped when all that it speaks of are `removed` variants;
// signatures are kept when `same_manifest`. Errors: invalid_argument (one name, different bytes),
// untrusted.
enum class SameManifest { no, yes };
Result<Annexes> gather_annexes(std::span<const PackageFile> packages,
                               const std::set<std::string>& removed, SameManifest same_manifest);

}  // namespace onnxpack::package
