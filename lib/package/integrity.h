// The part of verify that needs no runtime: container, manifest, every byte, originals, scopes.
#pragma once

#include "onnxpack/package/verify.h"

namespace onnxpack::package {

// Appends to report.integrity and sums report.bytes_hashed. Damage is a failed check; errors:
// cancelled, io.
Status check_integrity(const Environment& environment, const PackageFile& package,
                       VerifyReport& report);

}  // namespace onnxpack::package
