// A scratch folder that does not pile up: one left by a killed process is removed by the next that
// needs one.
#pragma once

#include <filesystem>
#include <string_view>

#include "onnxpack/base/error.h"
#include "onnxpack/io/file.h"

namespace onnxpack::io {

// Holds a lock (flock) on a file inside the folder for as long as it lives; the lock ends with the
// process, however that ends, and needs no process number, which means nothing across containers
// that share a /tmp. Real disk only.
class ScratchDirectory {
 public:
  // Under the system's temporary folder. First removes folders of the same prefix whose lock nobody
  // holds. Errors: io.
  static Result<ScratchDirectory> create(std::string_view prefix);
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&& other) noexcept;
  ~ScratchDirectory();

  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  ScratchDirectory(TemporaryDirectory directory, int lock)
      : directory_(std::move(directory)), lock_(lock) {}
  TemporaryDirectory directory_;
  int lock_;
};

}  // namespace onnxpack::io
