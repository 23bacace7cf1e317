// What verify and bench have in common: both run variants and the original on the same inputs.
#pragma once

#include <string>
#include <vector>

#include "inputs.h"
#include "onnxpack/base/error.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

// Errors: not_found, for the first name that no variant has, with the nearest one.
Status check_variant_names(const PackageFile& package, const std::vector<std::string>& names);

// Whether this file has all blobs of a variant.
bool holds_blobs(const PackageFile& package, const manifest::Variant& variant);

// Shapes of generated inputs: those that the first variant with fixed ones was compiled for, so
// that one run of the original serves most; but for inputs that the caller `named`.
Shapes shapes_for(const std::vector<const manifest::Variant*>& variants, const Shapes& named);

// Evidence of what the entry is about, without what was learnt. `variant` is empty for the
// original.
manifest::EvidenceEntry evidence_about(const PackageFile& package, const std::string& component,
                                       const std::string& variant);

}  // namespace onnxpack::package
