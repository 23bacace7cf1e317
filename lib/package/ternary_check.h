// Whether a variant that ternarize/1 made has the weights of the original, bit by bit.
#pragma once

#include "onnxpack/package/verify.h"

namespace onnxpack::package {

// True for variants that a check says something about.
bool is_ternarized(const manifest::Variant& variant);

// Makes the variant's source again from the packaged original, which decodes every weight and
// compares it, and holds its digests against the manifest's; then looks for the codes of each
// weight in the blobs. not_run: the source was made from a model that is not in the package.
// Requires: is_ternarized(), the component and the blobs are held. Errors: io, cancelled. Memory:
// as transform::ternarize; disk: the ternarized model, in the temporary folder.
Result<IntegrityCheck> check_ternary_weights(const Environment& environment,
                                             const PackageFile& package,
                                             const manifest::Component& component,
                                             const manifest::Variant& variant);

}  // namespace onnxpack::package
