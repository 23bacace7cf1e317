// Evidence inside a package: annexes below evidence/, which the layout lists and the manifest does
// not know, so that what is learnt later leaves the package id alone.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

// Evidence files as `bench --record` and `verify --record` write them. Errors: not_found, io,
// corrupt, with the file's name.
Result<std::vector<manifest::Evidence>> read_evidence(
    io::FileSystem& files, const std::vector<std::filesystem::path>& paths);

// Every evidence/*.json that this file holds, checked against its digest, in the order of names.
// Errors: untrusted, corrupt, with the member's name.
Result<std::vector<manifest::Evidence>> evidence_in(const PackageFile& package);

// Writes `package` again with each of `evidence` as one annex more, named after its own digest:
// adding the same twice changes nothing. Cost: a copy of the file. Errors: io, already_exists,
// cancelled.
Status write_with_evidence(const Environment& environment, const PackageFile& package,
                           std::span<const manifest::Evidence> evidence,
                           const std::filesystem::path& output, io::Overwrite overwrite);

}  // namespace onnxpack::package
