// Folders below a root that nothing below it can lead out of.
#pragma once

#include <string_view>

#include "descriptor.h"

namespace onnxpack::io {

// Opens (O_PATH) the folder `name` below `root`, relative, '/' between components, "" for the root
// itself; makes what is missing, mode 0755. A link below `root` is an error, wherever it leads;
// `root` itself is the caller's choice and may be one. Errors: io, naming the component.
Result<Descriptor> open_folder_beneath(const fs::path& root, std::string_view name);

}  // namespace onnxpack::io
