// extract: gives back the original byte for byte, the blobs of a variant, or a folder that ordinary
// ONNX tools open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

enum class ExtractWhat {
  original,  // each component's model file and its external data under their own names
  variant,   // the blobs of one variant, and what they refer to, as a runnable folder
  all,       // every member this file holds, as `unzip` would, checked
};

struct ExtractRequest {
  ExtractWhat what = ExtractWhat::all;
  std::string variant = {};                  // for ExtractWhat::variant
  std::vector<std::string> components = {};  // empty: all
  std::filesystem::path output;  // a folder that is made (or is empty); for one original without
                                 // external data also a file name
  bool overwrite = false;        // replace files that are there
};

struct ExtractReport {
  std::vector<std::string> files;  // relative to the output, in order
  std::uint64_t bytes = 0;
};

// Every byte is checked against the manifest's digests before the output gets its name. Errors:
// untrusted, not_found (dropped by select), already_exists, io, cancelled.
Result<ExtractReport> extract(const Environment& environment, const PackageFile& package,
                              const ExtractRequest& request);

// Writes what `variant` needs to run below `root`, laid out as in the package (blobs, and the
// members they refer to). Used by extract and verify.
Status materialise_variant(const Environment& environment, const PackageFile& package,
                           const manifest::Variant& variant, const std::filesystem::path& root);
// The component's annotated model and its external data below `root`, laid out as in the package.
Status materialise_component(const Environment& environment, const PackageFile& package,
                             const manifest::Component& component,
                             const std::filesystem::path& root);

}  // namespace onnxpack::package
