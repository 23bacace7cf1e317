// Questions about an opened package that both renderings of it ask.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/target/requirement.h"
#include "onnxpack/target/target.h"

namespace onnxpack::cli {

// Whether a variant would run on a machine, as far as facts alone can tell: backends are not asked,
// so a runtime may be unknown.
struct HostAnswer {
  target::Outcome outcome = target::Outcome::met;
  std::string reason;  // the first requirement that is not met, else the first that nobody knows
};
HostAnswer answer_for(const manifest::Variant& variant, const target::Target& host);
std::string_view to_string(target::Outcome outcome);  // "yes", "no", "unknown"

// Bytes of all blobs of a variant; members that two partitions share count once.
std::uint64_t variant_size(const manifest::Manifest& manifest, const manifest::Variant& variant);
// The bytes that this file spends on it: of a blob that is held as extents, what stands nowhere
// else.
std::uint64_t variant_own_size(const package::PackageFile& package,
                               const manifest::Variant& variant);
// Models and external data as they were given to build.
std::uint64_t original_size(const package::PackageFile& package);
bool holds_variant(const package::PackageFile& package, const manifest::Variant& variant);
// False where a file of the model is held as extents: `unzip` then gives its map.
bool stands_as_files(const package::PackageFile& package, const manifest::Component& component);

// Where the bytes of a package are.
struct SizeLine {
  std::string part;  // "component model", "variant x86-64-v3-onnxruntime", "attachments",
                     // "digests", "index and padding"
  std::uint64_t size = 0;
  bool held = true;  // false: in the full package, not in this file
};
std::vector<SizeLine> size_breakdown(const package::PackageFile& package);

}  // namespace onnxpack::cli
