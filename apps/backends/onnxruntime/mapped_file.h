// A whole file mapped read-only: weights are compared and copied without being held in memory.
#pragma once

#include <filesystem>

#include "onnxpack/base/bytes.h"
#include "onnxpack/base/error.h"

namespace onnxpack::ort_backend {

class MappedFile {
 public:
  // Errors: not_found, io. An empty file gives an empty view.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Valid until destruction, across moves.
  ByteView bytes() const { return bytes_; }

 private:
  explicit MappedFile(ByteView bytes) : bytes_(bytes) {}
  ByteView bytes_;
};

}  // namespace onnxpack::ort_backend
