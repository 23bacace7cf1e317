// Writes a package from its parts: the container's order, digest lists, layout and manifest.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "onnxpack/package/build.h"
#include "prepare.h"

namespace onnxpack::package {

// A member besides the components: a file on the disk, or bytes of another package.
struct SourceFile {
  std::string member;
  std::filesystem::path path;
  // What the bytes must be, as hashed before: by the host right after the compile, or by the
  // manifest of the package that they come from. Empty: anything.
  std::string sha256 = {};
  std::shared_ptr<const io::ReadableFile> content = {};  // instead of `path`
};

// Everything that a package is made of.
struct PackageParts {
  std::vector<PreparedComponent> components;  // by name
  std::vector<SourceFile> attachments;        // by member, "attachments/..."
  std::vector<SourceFile> blobs;    // by member, "variants/..."; the manifest's variants name them
  std::vector<SourceFile> annexes;  // by member, small; the layout lists them
  // What other members must turn out to be: external data that comes out of a package.
  std::map<std::string, std::string> expected;
  manifest::Manifest manifest;  // everything but its members
  // Ternary tensors of the components are held as their codes (docs/format.md, 2.3).
  bool compact = false;
};

struct WrittenPackage {
  std::string id;
  std::uint64_t size = 0;
};

// The same parts make the same bytes, wherever they come from. Errors: untrusted when bytes are not
// what they must be, io, cancelled.
Result<WrittenPackage> write_package(const Environment& environment, const PackageParts& parts,
                                     const std::filesystem::path& output, io::Overwrite overwrite);

// What model.onnx says of its scopes: for each, the variants that cover it with their compatibility
// hashes and blob digests. `blob_digests` by member. Errors: as model::table_metadata.
Result<std::vector<model::MetadataEntry>> scope_table(
    const manifest::Component& component, const manifest::Manifest& manifest,
    const std::map<std::string, std::string>& blob_digests);

}  // namespace onnxpack::package
