// A folder being written that gets its name when complete: beside and renamed, or file by file into
// one that is there.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/cancel.h"
#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::package {

class FolderOutput {
 public:
  // Errors: already_exists when `output` holds something and `overwrite` is no, or is a file.
  static Result<FolderOutput> start(io::FileSystem& files, const std::filesystem::path& output,
                                    bool overwrite);

  // Writes `source` to `name` beneath the folder. With `sha256` (hex), the bytes written are
  // checked against it: untrusted when they differ.
  Status write(std::string_view name, const io::ReadableFile& source, std::string_view sha256,
               const CancelFlag* cancel,
               const std::function<void(std::uint64_t)>& progress = nullptr);
  // Gives the folder its name. Without it, a new folder leaves nothing.
  Status publish() &&;
  const std::vector<std::string>& names() const { return names_; }

 private:
  FolderOutput(io::FileSystem& files, std::filesystem::path output)
      : files_(&files), output_(std::move(output)) {}
  io::FileSystem* files_;
  std::filesystem::path output_;
  std::optional<io::TemporaryDirectory>
      beside_;  // absent: straight into output_, each file in one step
  std::vector<std::string> names_;
};

// Streams `source` to `path` (its folder exists), which appears when complete. As
// FolderOutput::write.
Status write_checked(io::FileSystem& files, const std::filesystem::path& path,
                     const io::ReadableFile& source, std::string_view sha256,
                     io::Overwrite overwrite, const CancelFlag* cancel,
                     const std::function<void(std::uint64_t)>& progress = nullptr);

}  // namespace onnxpack::package
