// A file that gets its name when it is whole.
#pragma once

#include <memory>
#include <string>

#include "descriptor.h"
#include "onnxpack/io/file.h"

namespace onnxpack::io {

// Starts a file that will appear as `name` in the open folder; `path` is what errors call it. The
// folder may be moved meanwhile: names are looked up in it, not from the root.
Result<std::unique_ptr<WritableFile>> start_file(Descriptor folder, std::string name,
                                                 fs::path path);

// Syncs an open folder. File systems that refuse to sync folders (EINVAL) make names as durable as
// they can by themselves.
Status sync_folder(int folder, const fs::path& path);

}  // namespace onnxpack::io
