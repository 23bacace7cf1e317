// What a backend left in its output folder: foreign files behind foreign names.
#pragma once

#include <filesystem>
#include <string>

#include "onnxpack/base/cancel.h"
#include "onnxpack/io/file.h"
#include "onnxpack/protocol/compile.h"

namespace onnxpack::package {

struct OutputFile {
  std::filesystem::path path;
  std::uint64_t size = 0;
  std::string sha256;
};

// The blob as it lies below `folder`, hashed here: a backend's own digests are claims. Errors: corrupt for unsafe names, links, what is no
// file, what is missing or empty, and claims that do not hold; cancelled, io.
Result<OutputFile> take_output(io::FileSystem& files, const std::filesystem::path& folder, const protocol::BlobAnswer& blob,
                               const CancelFlag* cancel);

}  // namespace onnxpack::package
