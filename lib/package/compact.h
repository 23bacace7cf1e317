// `--compact`: ternary tensors of the models are held as their codes in 10:8, those of a blob that
// has them, or codes of their own.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "member_writer.h"
#include "onnxpack/package/package_file.h"

namespace onnxpack::package {

struct ComponentFile {
  std::string member;
  std::shared_ptr<const io::ReadableFile> content;
  std::vector<extents::Range> ranges;  // of its tensors
};

struct CompactBlob {
  std::string member;
  std::shared_ptr<const io::ReadableFile> content;
};

// Writes the blobs that hold a ternary tensor of the files as 10:8 codes, for each tensor the first
// one, then the files. Gives the indices of the blobs that it wrote. Errors: as MemberWriter.
Result<std::set<std::size_t>> write_compact_components(MemberWriter& writer,
                                                       const std::vector<ComponentFile>& files,
                                                       const std::vector<CompactBlob>& blobs);

// Whether the package is such a one: edits keep it so. Errors: as PackageFile::mapping.
Result<bool> is_compact(const PackageFile& package);

}  // namespace onnxpack::package
