// Relative names from outside (archive members, external data, backend answers) before they become paths.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::io {

// Accepts portable relative names with '/' between components. Refuses, naming the reason: empty names, absolute ones, drive letters,
// backslashes, '.', '..' or empty components, control bytes, invalid UTF-8, components over 255 bytes, names over 4096 bytes, Windows
// device names (CON, NUL, COM1, ...), and components that end in a dot or a space. Errors: corrupt.
Status check_relative_name(std::string_view name);

// root / name, after check_relative_name.
Result<std::filesystem::path> join_beneath(const std::filesystem::path& root, std::string_view name);

// Folds ASCII case and the simple one-to-one case pairs of UTF-8 Latin, Greek and Cyrillic, so that names equal on case-insensitive
// file systems compare equal. Not a full Unicode fold: it errs towards refusing nothing that Linux itself distinguishes beyond those.
std::string fold_case(std::string_view name);

}  // namespace onnxpack::io
