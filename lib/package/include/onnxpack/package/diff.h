// What two packages do not have in common. Reads both indexes, no content: bytes are the same when
// their digests are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

struct Change {
  enum class How { removed, added, changed };  // from the first package to the second
  How how = How::changed;
  std::string what;  // "variant x86-64-v3-iree", "component model", "evidence/1f.json"
  std::vector<std::string> details;  // "precision", "model.bin: 10 bytes, was 12"
};
std::string_view to_string(Change::How how);

struct PackageDiff {
  std::string id_a;
  std::string id_b;
  // Package fields, components, attachments, variants, annexes; then what one file holds and the
  // other does not, or holds in another way. Each in order of names.
  std::vector<Change> changes;
};

// Errors: as reading; corrupt never, since both were opened.
Result<PackageDiff> compare_packages(const PackageFile& a, const PackageFile& b);

}  // namespace onnxpack::package
