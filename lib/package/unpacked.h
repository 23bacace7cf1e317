// The parts of an opened package, ready to be written into another one.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "onnxpack/package/package_file.h"
#include "writer.h"

namespace onnxpack::package {

// Owns what the parts borrow from the packages; those must outlive it.
class Unpacked {
 public:
  // `manifest`: what the result shall be, without members. Every component, attachment and blob
  // that it names is taken from the first of `packages` that holds it. Annexes are the caller's.
  // Checks the model files at once, the others while they are written. Errors: not_found (a member
  // that none holds), untrusted, unsupported (partial scopes), as ModelFile::open.
  static Result<Unpacked> take(const Environment& environment,
                               std::span<const PackageFile> packages, manifest::Manifest manifest);

  PackageParts& parts() { return parts_; }

 private:
  Unpacked() = default;
  std::vector<std::unique_ptr<io::FileSystem>> views_;  // where the components' external data is
  PackageParts parts_;
};

// A blob's or attachment's bytes in one of the packages. Errors: not_found, naming all of them.
Result<SourceFile> take_member(std::span<const PackageFile> packages, const std::string& member);

// Refuses later minor versions: fields that are not known here would be lost.
Status check_editable(const PackageFile& package);
// What build would refuse before it does anything: no output, a folder, an existing one.
Status check_edit_output(const Environment& environment, const std::filesystem::path& output,
                         io::Overwrite overwrite);

}  // namespace onnxpack::package
