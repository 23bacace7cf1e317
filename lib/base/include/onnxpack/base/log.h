// The log: a file per build, and nothing on the terminal (cli renders what people see).
#pragma once

#include <filesystem>
#include <string_view>

#include "onnxpack/base/error.h"

namespace onnxpack::log {

enum class Level { debug, info, warning, error };

// Sends all later lines to `file` (created, truncated). Thread safe. Errors: io. Without a file, lines are dropped.
Status open_file(const std::filesystem::path& file, Level least);
// Flushes and closes; later lines are dropped.
void close();

void write(Level level, std::string_view text);
inline void debug(std::string_view text) { write(Level::debug, text); }
inline void info(std::string_view text) { write(Level::info, text); }
inline void warning(std::string_view text) { write(Level::warning, text); }
inline void error(std::string_view text) { write(Level::error, text); }

}  // namespace onnxpack::log
