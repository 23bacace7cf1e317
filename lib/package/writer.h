// Writes a package from its parts: the container's order, digest lists, layout and manifest.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "onnxpack/package/build.h"
#include "prepare.h"

namespace onnxpack::package {

// A blob as a backend left it on the disk; its member is named by the variant that the manifest
// already holds.
struct BlobFile {
  std::string member;
  std::filesystem::path path;
  std::string sha256;  // as hashed by the host right after the compile; checked again while writing
};

struct WrittenPackage {
  std::string id;
  std::uint64_t size = 0;
};

// `manifest` comes with everything but members. Errors: untrusted when a blob changed since it was
// hashed, io, cancelled.
Result<WrittenPackage> write_package(const Environment& environment,
                                     const std::vector<PreparedComponent>& components,
                                     const std::vector<AttachmentRequest>& attachments,
                                     const std::vector<BlobFile>& blobs,
                                     manifest::Manifest manifest,
                                     const std::filesystem::path& output, io::Overwrite overwrite);

}  // namespace onnxpack::package
