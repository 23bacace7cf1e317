// What changes a finished package: variants and evidence are added, variants are removed, the
// shards of a CI matrix become one package, an unpacked folder becomes a package again.
//
// All of them write a new file; the packages that they read are not touched, unless the output is
// one of them, which is then replaced in one step. The result is what one build of the same parts
// would have given, byte for byte: components are annotated anew, shared bytes looked for anew. So
// the order in which things are added or merged does not show. Bytes that come out of a package are
// checked against its manifest on the way. Packages of a later minor version are refused: what this
// version does not know, it cannot carry over.
//
// Evidence stays where it still speaks of something. Signatures speak of one manifest and are
// dropped with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"
#include "onnxpack/manifest/evidence.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

struct EditReport {
  std::string package_id;
  std::uint64_t package_size = 0;
  std::vector<std::string> variants;  // that the result has, in order
  std::vector<std::string> added;     // that the first package did not have
  std::vector<std::string> removed;
  std::vector<std::string>
      dropped_annexes;  // signatures, and evidence that spoke of removed variants only
};

// A variant whose blobs were made elsewhere. `description`'s blob members are file names: at first
// below the folder, afterwards "variants/<name>/<file>".
struct NewVariant {
  manifest::Variant description;
  std::filesystem::path folder;  // of the blobs' files
};

// A variant as in manifest.json, with less of it: `name` may be left out (TARGET-BACKEND), and
// `component_name` when there is only one, `partitions[].scope` (the whole graph), `coverage` (all
// of it), `provenance`, `compatibility_hash`; and for a `target` that is a known profile
// `target_facts` and `requirements`. Blob `member`s are files beside `path`, or as `extract
// --variant` lays them out. Errors: corrupt with the field, not_found.
Result<NewVariant> read_variant_file(io::FileSystem& files, const PackageFile& package,
                                     const std::filesystem::path& path);
// The same from the parts that a command line can state: a JSON object with the fields above.
Result<NewVariant> make_new_variant(const PackageFile& package, json::Value fields,
                                    const std::filesystem::path& folder);

// Errors: already_exists (a variant of that name), not_found (blob files), corrupt (what a reader
// of the result would refuse), untrusted, unsupported, io, cancelled.
Result<EditReport> add_variants(const Environment& environment, const PackageFile& package,
                                std::span<const NewVariant> variants,
                                const std::filesystem::path& output, io::Overwrite overwrite);

// Evidence speaks of the finished package, so its id stays. The same evidence is held once. What
// speaks of nothing in the package is refused: invalid_argument. Errors also: as
// write_with_evidence.
Result<EditReport> add_evidence(const Environment& environment, const PackageFile& package,
                                std::span<const manifest::Evidence> evidence,
                                const std::filesystem::path& output, io::Overwrite overwrite);

// Errors: not_found (no such variant, with a suggestion; or a slim package that does not hold all
// that stays), invalid_argument (another variant reads a removed one's files), as add_variants.
Result<EditReport> remove_variants(const Environment& environment, const PackageFile& package,
                                   const std::vector<std::string>& names,
                                   const std::filesystem::path& output, io::Overwrite overwrite);

// Members may be spread over the packages (slim parts of one package give the whole again), but
// each must be in one of them. Errors: invalid_argument when the packages are not of the same
// models, or say different things under one name (variant, attachment, package name); as
// add_variants.
Result<EditReport> merge_packages(const Environment& environment,
                                  std::span<const PackageFile> packages,
                                  const std::filesystem::path& output, io::Overwrite overwrite);

// The inverse of `unzip` and of `extract --all`: the folder's files as layout.json lists them, each
// checked. What `unzip` made gives the same bytes again; what `extract --all` made gives the full
// package with shared bytes looked for anew. Errors: not_found (a listed file), untrusted (an
// edited file: that is what `build` is for), invalid_argument (a file that layout.json does not
// list). `compact`: the package is written anew as `build --compact` would.
Result<EditReport> repack_folder(const Environment& environment,
                                 const std::filesystem::path& folder,
                                 const std::filesystem::path& output, io::Overwrite overwrite,
                                 bool compact = false);

}  // namespace onnxpack::package
